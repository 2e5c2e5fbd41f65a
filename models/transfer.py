"""Moving versions: from one store to another, into a file, and from one. A version keeps its number wherever it goes.

The manifest names model and version, and whoever relies on the manifest (by its sha256, or a signature of it) relies on
that. So a number that is taken by something else is refused, and not changed on the way.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.archive import Archive, pack
from models.checksums import check_files
from models.errors import Conflict, InvalidManifest, NotFound, StoreMissing
from models.layout import MANIFEST, SIGNATURE
from models.manifest import Manifest, parse_manifest
from models.opening import prove_bundle
from models.place import Brought
from models.store import Store


def copy(source: Store, name: str, version: int, destination: Store, *, who: str, why: str) -> bool:
    """Copy a version into another store, where it is proved before it appears; whether it was not there already.

    A signature that it was given since goes along. Raises NotFound where the source has no such version, Conflict where
    the destination has another of that number, and BundleError where the version does not prove itself.
    """
    bundle = source.bundle(name, version)
    content = (bundle / MANIFEST).read_bytes()
    manifest = parse_manifest(content)
    if (manifest.name, manifest.version) != (name, version):
        raise InvalidManifest(f"{name}@{version} holds {manifest.name}@{manifest.version}")

    def write(folder: Path) -> None:
        check_files(bundle, manifest)
        files = [MANIFEST, *manifest.files, *([SIGNATURE] if (bundle / SIGNATURE).exists() else [])]
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle / file, folder / file)

    moving = _Moving(manifest, content, source.place.signature(name, version), write)
    return moving.into(destination, who=who, why=why)


def export(source: Store, name: str, version: int, file: Path) -> bool:
    """Write a version into a file; whether it was not there already. Raises as ``copy`` does."""
    return pack(source.bundle(name, version), file)


def take_in(file: Path, destination: Store, *, who: str, why: str) -> tuple[Manifest, bool]:
    """Take the version that is in a file into a store; returns its manifest, and whether it was not there already.

    Raises InvalidArchive, and as ``copy`` does.
    """
    archive = Archive(file)
    moving = _Moving(archive.manifest, archive.content, archive.signature, archive.extract)
    return archive.manifest, moving.into(destination, who=who, why=why)


@dataclass(frozen=True, slots=True)
class _Moving:
    """A version on its way: its manifest, also as it is written, its signature, and what writes its files."""

    manifest: Manifest
    content: bytes
    signature: bytes | None
    write: Callable[[Path], None]

    def into(self, store: Store, *, who: str, why: str) -> bool:
        name, version = self.manifest.name, self.manifest.version
        if not self._stands(store):
            brought = Brought(version, hashlib.sha256(self.content).hexdigest())
            try:
                with store.place.draft(name, who=who, why=why, brought=brought) as draft:
                    self.write(draft.folder)
                    prove_bundle(draft.folder, store.trusted)
            except Conflict:
                if not self._stands(store):  # else somebody else brought it meanwhile
                    raise
                return False
            return True
        if self.signature is not None and store.place.signature(name, version) is None:
            store.place.sign(name, version, self.signature, who=who, why=why)
            return True
        return False

    def _stands(self, store: Store) -> bool:
        """Whether the store has the very same version."""
        try:
            store.look()
            return store.read(self.manifest.name, self.manifest.version, MANIFEST) == self.content
        except (NotFound, StoreMissing, OSError):
            return False
