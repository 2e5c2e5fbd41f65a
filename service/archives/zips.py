"""Zip archives: their directory is looked through before anything is unpacked."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from stat import S_ISLNK
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from service.archives.entries import Budget, Packed
from service.archives.limits import ArchiveLimits
from service.errors import ArchiveRefused
from service.uploads.upload import Upload

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_ENCRYPTED = 0x1
_KNOWN = {ZIP_STORED, ZIP_DEFLATED}  # bzip2 and LZMA unpack to more from less, and no camera writes them


def read_zip(file: BinaryIO, limits: ArchiveLimits) -> Iterator[Upload]:
    """The images of a zip file that can be sought in, in the order of its directory; folders are passed over.

    Raises ArchiveRefused when it is broken, or takes more than the limits, or has entries that share bytes, that are
    encrypted, or that are links.
    """
    budget = Budget(limits)
    try:
        with ZipFile(file) as archive:
            entries = archive.infolist()
            for _ in entries:
                budget.count_entry()
            _refuse_overlaps(file, entries, archive.start_dir)
            for entry in entries:
                _refuse_strange(entry)
                if not entry.is_dir() and not is_noise(entry.filename):
                    with archive.open(entry) as content:
                        yield budget.read(Packed(entry.filename, entry.compress_size), content)  # type: ignore[arg-type]
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, OSError, ValueError) as error:
        raise ArchiveRefused("the zip archive is broken") from error


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
