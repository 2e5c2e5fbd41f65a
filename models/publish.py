"""Publishing: a new version appears whole and proved, or not at all."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from models import golden
from models.checksums import sha256_of
from models.errors import InvalidManifest
from models.golden import Golden, GoldenImage
from models.layout import GOLDEN_DIR, GOLDEN_FILE, MANIFEST, SIGNATURE, graph_file
from models.manifest import (
    FILE_NAME,
    PRECISIONS,
    Conformal,
    Decision,
    Graph,
    Imported,
    InputSpec,
    Manifest,
    Measured,
    Metrics,
    Precision,
    Provenance,
    first_problem,
)
from models.opening import prove_bundle
from models.runtime import Session, open_session
from models.store import Store
from models.trust import Signer

__all__ = ["GoldenImage", "GraphFile", "Release", "publish"]


@dataclass(frozen=True, slots=True)
class GraphFile:
    """An ONNX file, and what it was measured to be."""

    path: Path
    measured: Measured | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Everything that makes a version; ``documents`` maps file names to their text.

    There may be any of the ``graphs``, but one at least. Decision and metrics are of the most exact of them, and so
    are the probabilities that will be recorded of the golden images. It was trained, and has its ``provenance``, or
    ``imported``, and then perhaps not evaluated.
    """

    labels: tuple[str, ...]
    input: InputSpec
    graphs: Mapping[Precision, GraphFile]
    decision: Decision
    metrics: Metrics | None
    provenance: Provenance | None
    golden: Sequence[GoldenImage]
    documents: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    conformal: Conformal | None = None
    imported: Imported | None = None


def publish(store: Store, name: str, release: Release, *, who: str, why: str, signer: Signer | None = None) -> Manifest:
    """Write ``release`` as the next version of ``name``, signed where there is a ``signer``; returns its manifest.

    The bundle is written beside its place, proved there by opening it as a service would, and renamed. Raises
    BundleError or ImageError when it does not pass; then nothing of it remains.
    """
    _check_documents(release.documents)
    with store.place.draft(name, who=who, why=why) as draft:
        manifest = _write(draft.folder, name, draft.version, release)
        if signer is not None:
            (draft.folder / SIGNATURE).write_bytes(signer.sign((draft.folder / MANIFEST).read_bytes()))
        # Without a signature it may be published, and is opened by nobody who asks for one before it is signed.
        prove_bundle(draft.folder, store.trusted if signer else None)
    return manifest


def _check_documents(documents: Mapping[str, str]) -> None:
    """A document is a plain file beside the others; checked before the first is written."""
    for name in documents:
        if not re.fullmatch(FILE_NAME, name) or name in {MANIFEST, SIGNATURE, GOLDEN_DIR, *map(graph_file, PRECISIONS)}:
            raise InvalidManifest(f"documents: {name!r} is not a file name of its own")


def _write(bundle: Path, name: str, version: int, release: Release) -> Manifest:
    sessions = _write_graphs(bundle, release)
    recorded = _write_golden(bundle, next(iter(sessions.values())), release)
    graphs = _describe(bundle, sessions, recorded, release)
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
            graphs=graphs,
            decision=release.decision,
            conformal=release.conformal,
            metrics=release.metrics,
            provenance=release.provenance,
            imported=release.imported,
            files=files,
        )
    except ValidationError as error:
        raise InvalidManifest(first_problem(error)) from error
    (bundle / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def _write_graphs(bundle: Path, release: Release) -> dict[Precision, Session]:
    """Copy the graphs and open them, the most exact first."""
    sessions: dict[Precision, Session] = {}
    for precision in PRECISIONS:
        if precision in release.graphs:
            file = bundle / graph_file(precision)
            shutil.copyfile(release.graphs[precision].path, file)
            sessions[precision] = open_session(file)
            sessions[precision].check_signature(release.input, len(release.labels))
    if not sessions:
        raise InvalidManifest("graphs: there is none")
    return sessions


def _write_golden(bundle: Path, session: Session, release: Release) -> Golden:
    folder = bundle / GOLDEN_DIR
    folder.mkdir()
    recorded = golden.record(session, release.input, release.golden, labels=release.labels)
    for image in release.golden:
        (folder / image.name).write_bytes(image.data)
    (folder / GOLDEN_FILE).write_text(recorded.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return recorded


def _describe(
    bundle: Path, sessions: Mapping[Precision, Session], recorded: Golden, release: Release
) -> dict[Precision, Graph]:
    """What the manifest says of each graph; that of float32 keeps to the tolerance of the golden images themselves.

    Raises GoldenMismatch for one that is too far from the most exact of them.
    """
    pixels = golden.load(bundle, recorded, release.input)
    return {
        precision: Graph(
            file=graph_file(precision),
            opset=session.opset,
            tolerance=None if precision == "fp32" else golden.tolerance_of(session, precision, recorded, pixels),
            measured=release.graphs[precision].measured,
        )
        for precision, session in sessions.items()
    }
