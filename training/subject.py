"""A finished graph to measure: that of a run, or of a published version."""

import json
from dataclasses import dataclass
from pathlib import Path

from models.manifest import InputSpec
from models.opening import open_version
from models.refs import parse_ref
from models.runtime import Session, open_session
from models.store import Store
from training.config import Recipe, parse_recipe
from training.run import Run


@dataclass(frozen=True, slots=True)
class Subject:
    """A graph to evaluate, with what its training said of itself.

    ``temperature`` is the one in its graph, ``test_sha256`` the fingerprint of the test split of its training,
    ``data_path`` where its data was, if known.
    """

    name: str
    session: Session
    labels: tuple[str, ...]
    input: InputSpec
    recipe: Recipe
    temperature: float
    test_sha256: str
    data_path: Path | None


def open_subject(name: str, store: Store) -> Subject:
    """Open a run's folder, or a version of ``store`` by its ref, proved as a service proves it.

    Raises RunUnusable for a run that is not finished, RegistryError or BundleError for a version.
    """
    run = Run(Path(name))
    return _of_run(name, run) if run.exists else _of_version(name, store)


def _of_run(name: str, run: Run) -> Subject:
    recipe, record, path = run.recipe(), run.splits(), run.info().data_path
    run.metrics()  # refuses a run that is not finished
    session = open_session(run.graph)
    session.check_signature(recipe.input, len(record.labels))
    return Subject(
        name,
        session,
        record.labels,
        recipe.input,
        recipe,
        run.calibration().temperature,
        record.fingerprints["test"],
        None if path is None else Path(path),
    )


def _of_version(ref: str, store: Store) -> Subject:
    resolved = store.resolve(parse_ref(ref))
    opened = open_version(store, resolved.name, resolved.version)
    manifest = opened.manifest
    return Subject(
        f"{resolved.name}@{resolved.version}",
        opened.session,
        manifest.labels,
        manifest.input,
        parse_recipe(json.dumps(manifest.provenance.recipe)),
        manifest.provenance.temperature,
        str(manifest.provenance.data.get("sha256", {}).get("test", "")),
        None,
    )
