"""Evaluation of an exported graph, of a run or of a published version, the way the service would answer."""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from models.manifest import InputSpec, Metrics, Strict
from models.opening import open_version
from models.refs import parse_ref
from models.runtime import Session, open_session
from models.store import Store
from training.config import Recipe, parse_recipe
from training.data.dataset import Decoded, decode
from training.data.samples import Source
from training.data.sources import open_source
from training.data.splits import Indices, fingerprint, make_splits
from training.errors import InvalidData
from training.finish import run_graph
from training.progress import say
from training.run import Run
from training.scores import score


class Evaluation(Strict):
    """What was measured on what. ``same_test_split``: the images are exactly the test split of the training."""

    subject: str
    data: str
    same_test_split: bool
    unreadable: int
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Subject:
    """A graph to evaluate, with what its training said of itself; ``test_sha256`` is that of its test split."""

    name: str
    session: Session
    labels: tuple[str, ...]
    input: InputSpec
    recipe: Recipe
    test_sha256: str
    data_path: Path | None


def open_subject(name: str, store: Store) -> Subject:
    """Open a run's folder, or a version of ``store`` by its ref, proved as a service proves it.

    Raises RunUnusable for a run that is not finished, RegistryError or BundleError for a version.
    """
    run = Run(Path(name))
    if run.exists:
        record, path = run.splits(), run.info().data_path
        run.metrics()  # refuses a run that is not finished
        recipe = run.recipe()
        session = open_session(run.graph)
        session.check_signature(recipe.input, len(record.labels))
        return Subject(
            name,
            session,
            record.labels,
            recipe.input,
            recipe,
            record.fingerprints["test"],
            None if path is None else Path(path),
        )
    resolved = store.resolve(parse_ref(name))
    opened = open_version(store, resolved.name, resolved.version)
    manifest = opened.manifest
    return Subject(
        f"{resolved.name}@{resolved.version}",
        opened.session,
        manifest.labels,
        manifest.input,
        parse_recipe(json.dumps(manifest.provenance.recipe)),
        str(manifest.provenance.data.get("sha256", {}).get("test", "")),
        None,
    )


def evaluate(subject: Subject, data_path: Path | None) -> Evaluation:
    """Measure ``subject`` on the test split of the data at ``data_path``.

    Without it, on the data of the run, else of the recipe. Data with a test split of its own is measured on that; a
    folder without splits on the split that training drew from it, or on all of its images if it is another folder.
    Raises InvalidData when it has classes that the model does not know.
    """
    source = open_source(subject.recipe.data, data_path or subject.data_path)
    own = [index for index, sample in enumerate(source.samples) if sample.split == "test"]
    rows = own or list(range(len(source.samples)))
    targets = _targets(source, rows, subject.labels)
    with TemporaryDirectory(prefix="whatsit-evaluate-") as cache:
        decoded = decode(source, rows, subject.input, Path(cache))
        chosen = _readable(decoded) if own else _drawn(source, decoded, targets, subject)
        if not len(chosen):
            raise InvalidData(f"{source.name}: there are no images to evaluate on")
        probabilities = run_graph(subject.session, decoded.pixels, chosen)
    same = _fingerprint(decoded, targets, chosen) == subject.test_sha256
    if not same:
        say("these images are not the test split of the training; were some of them trained on, the numbers flatter")
    return Evaluation(
        subject=subject.name,
        data=source.name,
        same_test_split=same,
        unreadable=len(decoded.unreadable),
        metrics=score(probabilities, targets[chosen], subject.labels, "test" if same else "other"),
    )


def _readable(decoded: Decoded) -> Indices:
    return np.flatnonzero([digest is not None for digest in decoded.digests])


def _drawn(source: Source, decoded: Decoded, targets: Indices, subject: Subject) -> Indices:
    """The test split that training drew from a source without one, or all of it if it is another source."""
    try:
        drawn = make_splits(source.samples, decoded.digests, subject.recipe.data, subject.recipe.seed).test
    except InvalidData:  # too small a folder to be the one that training split
        return _readable(decoded)
    return drawn if _fingerprint(decoded, targets, drawn) == subject.test_sha256 else _readable(decoded)


def _fingerprint(decoded: Decoded, targets: Indices, chosen: Indices) -> str:
    digests = [digest for place in chosen if (digest := decoded.digests[place]) is not None]
    return fingerprint(targets[chosen].tolist(), digests)


def _targets(source: Source, rows: list[int], labels: tuple[str, ...]) -> Indices:
    """The truths as indices of the model's labels, which are matched by name."""
    unknown = sorted(set(source.labels) - set(labels))
    if unknown:
        raise InvalidData(f"{source.name} has classes that the model does not know: {', '.join(unknown)}")
    index_of = [labels.index(label) for label in source.labels]
    return np.array([index_of[source.samples[row].label] for row in rows], np.int64)
