"""Opening a version: nothing is served, and nothing published, that was not proved here first."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from models import golden
from models.checksums import check_files, compare
from models.errors import DeviceUnavailable, InvalidManifest
from models.manifest import Manifest, Precision
from models.precision import Asked, RealDevice, choose
from models.preprocess import Pixels
from models.runtime import Device, Session, read_graph, real_devices
from models.store import Store, read_manifest
from models.trust import Trusted

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A proved version in memory; ``golden`` and ``golden_pixels`` can prove it again at any time.

    ``reason`` says why the graph of this ``precision`` was chosen, ``size`` how many bytes it has.
    """

    manifest: Manifest
    precision: Precision
    session: Session
    golden: golden.Golden
    golden_pixels: Pixels
    reason: str
    size: int

    def prove(self) -> None:
        """Replay the golden images; raises GoldenMismatch."""
        golden.replay(self.session, self.golden, self.golden_pixels, self.manifest.graphs[self.precision].tolerance)


def open_version(
    store: Store,
    name: str,
    version: int,
    device: Device = "cpu",
    threads: int = 0,
    precision: Asked | None = None,
    threads_alone: int = 0,
) -> Opened:
    """Open and prove one graph of a version: that of ``precision``, by default the one its metrics are of.

    ``threads`` and ``threads_alone`` are those of models.runtime.Session. Raises NotFound, a BundleError that says what
    is wrong with the version, or DeviceUnavailable.
    """
    bundle = store.bundle(name, version)
    opened = open_bundle(bundle, device, threads, precision, threads_alone, store.trusted)
    _check_place(opened.manifest, name, version)
    return opened


def open_bundle(
    bundle: Path,
    device: Device = "cpu",
    threads: int = 0,
    precision: Asked | None = None,
    threads_alone: int = 0,
    trusted: Trusted | None = None,
) -> Opened:
    """Open and prove the bundle in a folder: who signed it, checksums, golden images; see open_version."""
    manifest = read_manifest(bundle, trusted)
    check_files(bundle, manifest)
    *better, last = real_devices(device)
    for real in better:
        try:
            return _open(bundle, manifest, real, precision, threads, threads_alone)
        except DeviceUnavailable as error:  # the package is there, a driver or a library of CUDA is not
            log.warning("running on the CPU", extra={"reason": str(error)})
    return _open(bundle, manifest, last, precision, threads, threads_alone)


def prove_version(store: Store, name: str, version: int, *, anew: bool = False) -> None:
    """Open and prove every graph of a version on the CPU; raises as open_version does.

    ``anew``: as the store holds it now, be it that a copy of it is here.
    """
    _check_place(prove_bundle(store.bundle(name, version, anew=anew), store.trusted), name, version)


def prove_bundle(bundle: Path, trusted: Trusted | None = None) -> Manifest:
    """Open and prove every graph of the bundle in a folder on the CPU; raises a BundleError."""
    manifest = read_manifest(bundle, trusted)
    check_files(bundle, manifest)
    for precision in manifest.graphs:
        _open(bundle, manifest, "cpu", precision)
    return manifest


def _open(
    bundle: Path,
    manifest: Manifest,
    device: RealDevice,
    asked: Asked | None,
    threads: int = 0,
    threads_alone: int = 0,
) -> Opened:
    precision, reason = choose(manifest.graphs, device, asked or manifest.reference)
    graph = manifest.graphs[precision]
    data = read_graph(bundle / graph.file)
    # Hashed again in memory: what runs is what was proved, whoever writes to the folder meanwhile.
    compare(graph.file, hashlib.sha256(data).hexdigest(), manifest)
    session = Session(data, device, threads, threads_alone)
    session.check_signature(manifest.input, len(manifest.labels))
    recorded = golden.read(bundle)
    golden.check_labels(recorded, manifest.labels)
    pixels = golden.load(bundle, recorded, manifest.input)
    opened = Opened(manifest, precision, session, recorded, pixels, reason, len(data))
    opened.prove()
    return opened


def _check_place(manifest: Manifest, name: str, version: int) -> None:
    if (manifest.name, manifest.version) != (name, version):
        raise InvalidManifest(f"{name}@{version} holds {manifest.name}@{manifest.version}")
