"""A finished graph to measure: that of a run, or of a published version."""

import json
from dataclasses import dataclass
from pathlib import Path

from models.checksums import sha256_of
from models.errors import InvalidRef, ModelNotFound
from models.layout import graph_file
from models.manifest import Conformal, Decision, InputSpec, Origin, Precision
from models.opening import open_version
from models.refs import parse_ref
from models.runtime import Session, open_session
from models.store import Resolved, Store
from training.config import Recipe, parse_recipe
from training.errors import RunUnusable
from training.learnt import doubt, spares_test
from training.nearby import why_neither
from training.run import Run
from training.settings import DataSettings


@dataclass(frozen=True, slots=True)
class Subject:
    """A graph to evaluate, with what its training said of itself; of an imported one ``recipe`` is None.

    ``graph_sha256`` is of its file, ``temperature`` the one in it, if it was calibrated; ``decision`` and ``conformal``
    say which answers are accepted, and which labels are their candidates. ``test_sha256`` is the fingerprint of the
    test split of its training, ``origin`` the weights that this began with, where they were not random and it noted
    them. A run also knows, in ``test_images``, the pixels of each image of that split by their sha256, and, in
    ``data_path``, where its data was.
    """

    name: str
    precision: Precision
    graph_sha256: str
    session: Session
    labels: tuple[str, ...]
    input: InputSpec
    recipe: Recipe | None
    temperature: float | None
    decision: Decision
    conformal: Conformal | None
    test_sha256: str
    origin: Origin | None
    test_images: frozenset[bytes]
    data_path: Path | None

    @property
    def data(self) -> DataSettings:
        """How data is read for it; for an imported one, a folder for each class."""
        return DataSettings(kind="folder") if self.recipe is None else self.recipe.data

    @property
    def spares_test(self) -> bool | None:
        """Whether the weights that its training began with learnt from none of its test images; None: not known."""
        return None if self.recipe is None else spares_test(self.recipe.transfer.weights, self.origin)

    @property
    def doubt(self) -> str | None:
        """What to mind of its test split for what its training began with; None where that spares it."""
        return None if self.recipe is None else doubt(self.recipe, self.origin)

    @property
    def title(self) -> str:
        """Its name, with the precision where that is not float32."""
        return self.name if self.precision == "fp32" else f"{self.name} ({self.precision})"


def open_subject(name: str, store: Store, precision: Precision | None = None) -> Subject:
    """Open a run's folder, or a version of ``store`` by its ref, proved as a service proves it.

    The graph is the one of ``precision``, by default the most exact. Raises RunUnusable for what is neither or a run
    that is not finished, VariantFailed for a graph that it has not, RegistryError or BundleError for a version.
    """
    run = Run(Path(name))
    return _of_run(name, run, precision or "fp32") if run.exists else _of_version(name, store, precision)


def _of_run(name: str, run: Run, precision: Precision) -> Subject:
    recipe, record, info = run.recipe(), run.splits(), run.info()
    run.metrics(precision)  # refuses a run that is not finished
    graph, calibration = run.folder / graph_file(precision), run.calibration(precision)
    session = open_session(graph)
    session.check_signature(recipe.input, len(record.labels))
    return Subject(
        name,
        precision,
        sha256_of(graph),
        session,
        record.labels,
        recipe.input,
        recipe,
        run.calibration().temperature,
        calibration.decision,
        calibration.conformal,
        record.fingerprints["test"],
        info.origin,
        frozenset(map(bytes.fromhex, record.test_images)),
        None if info.data_path is None else Path(info.data_path),
    )


def _of_version(ref: str, store: Store, precision: Precision | None) -> Subject:
    resolved = _resolve(ref, store)
    opened = open_version(store, resolved.name, resolved.version, precision=precision)
    manifest, trained = opened.manifest, opened.manifest.provenance
    return Subject(
        f"{resolved.name}@{resolved.version}",
        opened.precision,
        manifest.files[manifest.graphs[opened.precision].file],
        opened.session,
        manifest.labels,
        manifest.input,
        None if trained is None else parse_recipe(json.dumps(trained.recipe)),
        None if trained is None else trained.temperature,
        manifest.decision,
        manifest.conformal,
        str(trained.data.get("sha256", {}).get("test", "")) if trained else "",
        None if trained is None else trained.origin,
        frozenset(),
        None,
    )


def _resolve(ref: str, store: Store) -> Resolved:
    try:
        return store.resolve(parse_ref(ref))
    except (InvalidRef, ModelNotFound) as error:
        raise RunUnusable(f"{ref!r} is neither the folder of a run nor a version{why_neither(ref, error)}") from error
