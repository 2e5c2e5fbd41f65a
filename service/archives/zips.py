"""Zip archives: their directory is looked through before anything is unpacked."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from stat import S_ISLNK
from typing import BinaryIO, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from service.archives.entries import Budget, Packed
from service.archives.limits import ArchiveLimits
from service.errors import ArchiveRefused
from service.uploads.upload import Upload

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_ENCRYPTED = 0x1
_LEAST_DIRECTORY, _DIRECTORY_ENTRY = 131_072, 512  # bytes: its end may be as long as a comment; names are short
_KNOWN = {ZIP_STORED, ZIP_DEFLATED}  # bzip2 and LZMA unpack to more from less, and no camera writes them


class _Guarded:
    """A file of which no more is read at once than the directory of so many entries may take.

    zipfile reads all of that into memory, and makes an object of some hundred bytes of every 46.
    """

    def __init__(self, file: BinaryIO, entries: int) -> None:
        self._file = file
        self._most = _LEAST_DIRECTORY + entries * _DIRECTORY_ENTRY
        self.seek, self.tell, self.close = file.seek, file.tell, file.close

    def read(self, size: int = -1) -> bytes:
        """As a file does; raises ArchiveRefused."""
        data = self._file.read(size if 0 <= size <= self._most else self._most + 1)
        if len(data) > self._most:
            raise ArchiveRefused("the directory of the archive is far larger than that of the entries that it may have")
        return data

    def seekable(self) -> bool:
        """It can be sought in."""
        return True


@contextmanager
def _opened(file: BinaryIO, limits: ArchiveLimits) -> Iterator[tuple[ZipFile, list[ZipInfo], Budget]]:
    """A zip file and its entries that are files, when its directory was looked through; raises ArchiveRefused."""
    budget = Budget(limits)
    try:
        with ZipFile(cast(BinaryIO, _Guarded(file, limits.entries))) as archive:
            entries = archive.infolist()
            for entry in entries:
                budget.count_entry()
                _refuse_strange(entry)
            _refuse_overlaps(file, entries, archive.start_dir)
            yield archive, [each for each in entries if not each.is_dir() and not is_noise(each.filename)], budget
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, OSError, ValueError) as error:
        raise ArchiveRefused("the zip archive is broken") from error


def read_zip(file: BinaryIO, limits: ArchiveLimits) -> Iterator[Upload]:
    """The images of a zip file that can be sought in, in the order of its directory; folders are passed over.

    Raises ArchiveRefused when it is broken, or takes more than the limits, or has entries that share bytes, that are
    encrypted, or that are links.
    """
    with _opened(file, limits) as (archive, entries, budget):
        for entry in entries:
            with archive.open(entry) as content:
                yield budget.read(Packed(entry.filename, entry.compress_size), content)  # type: ignore[arg-type]


def check_zip(file: BinaryIO, limits: ArchiveLimits) -> int:
    """How many images it has, without unpacking any; raises ArchiveRefused for what its directory shows."""
    with _opened(file, limits) as (_, entries, _):
        return len(entries)


def is_noise(name: str) -> bool:
    """Whether it is what operating systems leave in archives, and no image of anybody's."""
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name in {".DS_Store", "Thumbs.db", "desktop.ini"}


def _refuse_strange(entry: ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveRefused("an entry is encrypted")
    if entry.compress_type not in _KNOWN:
        raise ArchiveRefused("an entry is compressed otherwise than by deflate")
    if S_ISLNK(entry.external_attr >> 16):
        raise ArchiveRefused("an entry is a link")


def _refuse_overlaps(file: BinaryIO, entries: list[ZipInfo], directory: int) -> None:
    """Bytes that belong to several entries unpack to more than they are (Fifield 2019, a better zip bomb).

    zipfile looks for that only in later versions of Python (CVE-2024-0450).
    """
    end = 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset < end:
            raise ArchiveRefused("two entries of the archive share bytes")
        file.seek(entry.header_offset)
        header = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        end = entry.header_offset + _LOCAL_HEADER.size + header[-2] + header[-1] + entry.compress_size
    if end > directory:
        raise ArchiveRefused("an entry of the archive shares bytes with its directory")
