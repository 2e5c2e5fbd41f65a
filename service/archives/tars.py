"""Tar archives, plain or gzipped, read as they come: nothing is sought in them."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Self, cast

from typing_extensions import override

from service.archives.entries import Budget, Packed
from service.archives.limits import ArchiveLimits
from service.archives.zips import is_noise
from service.errors import ArchiveRefused
from service.uploads.upload import Upload

GZIP = b"\x1f\x8b"
_LONGEST_NAME = 65_536  # tarfile would take gigabytes of one into memory
_EXTENSIONS = {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
_EXTENSIONS |= {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}


class _Entry(tarfile.TarInfo):
    """A header, looked at before what it announces is read."""

    @override
    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in _EXTENSIONS and entry.size > _LONGEST_NAME:
            raise ArchiveRefused("the name of an entry is too long")
        return entry


class _Stream:
    """What is read of an archive; a gzipped one counts by what it unpacks to, between the entries too."""

    def __init__(self, file: BinaryIO, budget: Budget, *, gzipped: bool) -> None:
        self._file = file
        self._budget = budget
        self._gzip = gzip.GzipFile(fileobj=file) if gzipped else None
        self._last = b""

    def read(self, size: int) -> bytes:
        """As a file does."""
        if self._gzip is None:
            data = self._file.read(size)
        else:
            data = self._gzip.read(size)
            self._budget.count_bytes(len(data))
            self._budget.check_ratio(self._file.tell())
        self._last = (self._last + data)[-tarfile.BLOCKSIZE :]
        return data

    @property
    def ended(self) -> bool:
        """Whether what was read last is the end of an archive: tarfile takes one that was cut short for a whole one."""
        return not any(self._last)


def read_tar(file: BinaryIO, limits: ArchiveLimits, *, gzipped: bool) -> Iterator[Upload]:
    """The images of a tar file, in their order; folders are passed over.

    Raises ArchiveRefused when it is broken, or takes more than the limits, or has entries that are links or devices.
    """
    budget = Budget(limits)
    stream = _Stream(file, Budget(limits), gzipped=gzipped)
    try:
        with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r|", tarinfo=_Entry) as archive:
            for entry in archive:
                archive.members = []  # type: ignore[attr-defined]  # it would keep them all
                budget.count_entry()
                if entry.isdir() or is_noise(entry.name):
                    continue
                if not entry.isreg() or entry.issparse():  # a sparse file is gigabytes of nothing
                    raise ArchiveRefused("an entry is a link, a device or a sparse file")
                content = archive.extractfile(entry)
                assert content is not None  # noqa: S101 - it is a regular file
                yield budget.read(Packed(entry.name, entry.size), cast(BinaryIO, content))
        while stream.read(tarfile.RECORDSIZE):
            pass
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise ArchiveRefused("the tar archive is broken or cut short") from error
    if not stream.ended:
        raise ArchiveRefused("the tar archive is cut short")
