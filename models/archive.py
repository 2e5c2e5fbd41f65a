"""A bundle as one file, ``NAME-VERSION.whatsit``: a zip whose entries are stored as they are.

The same bundle makes the same bytes. On the way in nothing is taken for granted: an archive has exactly the plain files
of its manifest, none compressed, so that no few bytes become many, and none under a name that leads elsewhere.
"""

import re
import shutil
import stat
import struct
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.checksums import check_files, sha256_of
from models.errors import Conflict, InvalidArchive
from models.layout import MANIFEST, SIGNATURE
from models.manifest import FILE_NAME, Manifest, parse_manifest

SUFFIX = ".whatsit"

_MOST_BYTES = 2**32 - 1  # beyond it a zip has other structures
_MOST_FILES = 20_000
_MOST_DIRECTORY_BYTES = 10_000_000
_MOST_MANIFEST_BYTES = 50_000_000
_END = struct.Struct("<4s4HLLH")  # of a zip without a comment
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip can tell


def pack(bundle: Path, file: Path) -> bool:
    """Write a bundle into ``file``; whether it was not there already.

    Raises BundleError where the bundle is not whole or too large, and Conflict where the file is there and holds
    something else.
    """
    manifest = parse_manifest((bundle / MANIFEST).read_bytes())
    check_files(bundle, manifest)
    signature = [SIGNATURE] if (bundle / SIGNATURE).exists() else []
    names = (MANIFEST, *signature, *sorted(manifest.files))
    if sum((bundle / name).stat().st_size for name in names) > _MOST_BYTES - _MOST_DIRECTORY_BYTES:
        raise InvalidArchive(f"{bundle} does not fit into {_MOST_BYTES:,} bytes; push it to a folder or a bucket")
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
            for name in names:
                _add(archive, bundle / name, name)
        if file.exists():
            if sha256_of(file) != sha256_of(fresh):
                raise Conflict(f"{file} is there and holds something else: delete it, or write to another file")
            return False
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    return True


class Archive:
    """An archive of a bundle, which is not proved yet: its ``manifest``, also as it is written, and its ``signature``.

    Raises InvalidArchive for what is none, and InvalidManifest.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        with _opened(file) as archive:
            entries = _checked(archive)
            self.content = archive.read(MANIFEST)
            self.signature = archive.read(SIGNATURE) if SIGNATURE in entries else None
        self.manifest: Manifest = parse_manifest(self.content)
        wanted = {MANIFEST, *self.manifest.files}
        for name in sorted(wanted ^ (entries.keys() - {SIGNATURE})):
            raise InvalidArchive(f"{file}: {name} is {'missing' if name in wanted else 'not in the manifest'}")

    def extract(self, folder: Path) -> None:
        """Write the bundle into ``folder``; raises BundleError where a file is not what the manifest says."""
        with _opened(self._file) as archive:
            for name, entry in _checked(archive).items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target)
        check_files(folder, self.manifest)


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        _check_end(file)
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise InvalidArchive(f"{file} is no whole archive of a version: {error}") from error


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.create_system = 3  # Unix, wherever it is written
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target)


def _check_end(file: Path) -> None:
    """Look at the sizes that the zip states before all of its directory is read into memory."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        opened.seek(max(0, size - _END.size))
        end = opened.read()
    if size > _MOST_BYTES or len(end) < _END.size or end[:4] != b"PK\5\6":
        raise InvalidArchive(f"{file} is no archive of a version, or has more than {_MOST_BYTES:,} bytes")
    _, _, _, _, files, directory, _, _ = _END.unpack(end)
    if files > _MOST_FILES or directory > _MOST_DIRECTORY_BYTES:
        raise InvalidArchive(f"{file} has {files:,} files; at most {_MOST_FILES:,} are read")


def _checked(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The entries by name; raises InvalidArchive for one that is no plain file, stored as it is."""
    entries = archive.infolist()
    for entry in entries:
        plain = stat.S_IFMT(entry.external_attr >> 16) in {0, stat.S_IFREG}  # or nothing is said of it
        if not plain or not re.fullmatch(f"{FILE_NAME}(/{FILE_NAME})*", entry.filename):
            raise InvalidArchive(f"{entry.filename!r} is no plain file within a bundle")
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size or entry.flag_bits & 1:
            raise InvalidArchive(f"{entry.filename} is compressed or encrypted; files are stored as they are")
    found = {entry.filename: entry for entry in entries}
    if len(found) != len(entries) or sum(entry.file_size for entry in entries) > _MOST_BYTES:
        raise InvalidArchive("a file is in it twice, or all are too large")
    if MANIFEST not in found:
        raise InvalidArchive(f"there is no {MANIFEST}")
    if any(found[name].file_size > _MOST_MANIFEST_BYTES for name in (MANIFEST, SIGNATURE) if name in found):
        raise InvalidArchive(f"{MANIFEST} or its signature is too large")
    return found
