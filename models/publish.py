"""Publishing: a new version appears whole and proved, or not at all."""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from models import golden
from models.audit import Entry, append, entries, locked, sync
from models.errors import InvalidManifest
from models.golden import GoldenImage
from models.layout import GOLDEN_DIR, GOLDEN_FILE, GRAPH, MANIFEST, UNFINISHED, bundle_dir, model_dir
from models.manifest import FILE_NAME, Decision, Graph, InputSpec, Manifest, Metrics, Provenance, first_problem
from models.opening import open_bundle, sha256_of
from models.refs import is_version
from models.runtime import Session, open_session
from models.store import Store

__all__ = ["GoldenImage", "Release", "publish"]


@dataclass(frozen=True, slots=True)
class Release:
    """Everything that makes a version; ``graph`` is an ONNX file, ``documents`` maps file names to their text."""

    labels: tuple[str, ...]
    input: InputSpec
    graph: Path
    decision: Decision
    metrics: Metrics
    provenance: Provenance
    golden: Sequence[GoldenImage]
    documents: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


def publish(store: Store, name: str, release: Release, *, who: str, why: str) -> Manifest:
    """Write ``release`` as the next version of ``name`` and return its manifest.

    The bundle is written beside its place, proved there by opening it as a service would, and renamed. Raises
    BundleError or ImageError when it does not pass; then nothing of it remains.
    """
    _check_documents(release.documents)
    folder = model_dir(store.root, name)
    with locked(folder):
        for abandoned in folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(abandoned)  # of a process that died: whoever still writes holds the lock
        version = _next_version(folder)
        bundle = bundle_dir(store.root, name, version)
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
        try:
            manifest = _write(unfinished, name, version, release)
            open_bundle(unfinished)
            _sync(unfinished)
            unfinished.chmod(0o755)  # mkdtemp made it private
            append(folder, Entry(action="publish", after=version, who=who, why=why))
            unfinished.rename(bundle)
            sync(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return manifest


def _check_documents(documents: Mapping[str, str]) -> None:
    """A document is a plain file beside the others; checked before the first is written."""
    for name in documents:
        if not re.fullmatch(FILE_NAME, name) or name in {MANIFEST, GRAPH, GOLDEN_DIR}:
            raise InvalidManifest(f"documents: {name!r} is not a file name of its own")


def _next_version(folder: Path) -> int:
    """One more than ever was: a removed version's number is not given to another."""
    published = [entry.after for entry in entries(folder) if entry.action == "publish" and entry.after]
    standing = [int(path.name) for path in folder.iterdir() if is_version(path.name)]
    return max([*published, *standing], default=0) + 1


def _write(bundle: Path, name: str, version: int, release: Release) -> Manifest:
    shutil.copyfile(release.graph, bundle / GRAPH)
    session = open_session(bundle / GRAPH)
    session.check_signature(release.input, len(release.labels))
    _write_golden(bundle / GOLDEN_DIR, session, release)
    for file, text in release.documents.items():
        (bundle / file).write_text(text, encoding="utf-8")
    files = {str(path.relative_to(bundle)): sha256_of(path) for path in sorted(bundle.rglob("*")) if path.is_file()}
    try:
        manifest = Manifest(
            name=name,
            version=version,
            created_at=datetime.now(UTC).replace(microsecond=0),
            description=release.description,
            labels=release.labels,
            input=release.input,
            graphs={"fp32": Graph(file=GRAPH, opset=session.opset)},
            decision=release.decision,
            metrics=release.metrics,
            provenance=release.provenance,
            files=files,
        )
    except ValidationError as error:
        raise InvalidManifest(first_problem(error)) from error
    (bundle / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def _write_golden(folder: Path, session: Session, release: Release) -> None:
    folder.mkdir()
    recorded = golden.record(session, release.input, release.golden)
    for image in release.golden:
        (folder / image.name).write_bytes(image.data)
    (folder / GOLDEN_FILE).write_text(recorded.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _sync(bundle: Path) -> None:
    """Have every file and folder of the bundle on the disk before its name is."""
    for path in (*bundle.rglob("*"), bundle):
        sync(path)
