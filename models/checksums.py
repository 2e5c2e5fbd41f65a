"""Whether a bundle holds what was published: exactly its files, and each unchanged."""

import hashlib
import stat
from pathlib import Path

from models.errors import ChecksumMismatch
from models.layout import MANIFEST, SIGNATURE
from models.locations import default_root, is_replaceable
from models.manifest import Manifest


def check_files(bundle: Path, manifest: Manifest) -> None:
    """Raise ChecksumMismatch unless the bundle holds exactly the files of the manifest, unchanged; it may be signed."""
    inside = [path for path in bundle.rglob("*") if path.is_symlink() or not path.is_dir()]
    found = {str(path.relative_to(bundle)) for path in inside} - {MANIFEST, SIGNATURE}
    for file in sorted(found ^ manifest.files.keys()):
        state = "is missing" if file in manifest.files else "is not in the manifest"
        raise ChecksumMismatch(f"{file!r} {state}")
    for path in inside:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would never end
            raise ChecksumMismatch(f"{path.name} is a link or a device; a bundle holds plain files only")
        if status.st_nlink > 1 and not _is_shipped(bundle):
            raise ChecksumMismatch(
                f"{path.name} is a hard link, which can be changed by its other name: cp --no-preserve=links"
            )
    for file in manifest.files:
        compare(file, sha256_of(bundle / file), manifest)


def compare(file: str, digest: str, manifest: Manifest) -> None:
    """Raise ChecksumMismatch unless ``digest`` is the one of ``file`` in the manifest."""
    if digest != manifest.files[file]:
        raise ChecksumMismatch(f"{file} is not what was published: its sha256 is {digest}")


def sha256_of(path: Path) -> str:
    """The sha256 of a file in hexadecimal, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_shipped(bundle: Path) -> bool:
    """Whether it came with an installation, whose files are links to a cache with some installers."""
    return is_replaceable(default_root()) and default_root().resolve() in bundle.resolve().parents
