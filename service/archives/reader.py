"""Which kind of archive it is, by its first bytes, and the images in it."""

from collections.abc import Iterator
from typing import BinaryIO, Literal

from service.archives.limits import ArchiveLimits
from service.archives.tars import GZIP, read_tar
from service.archives.zips import MAGIC, check_zip, read_zip
from service.errors import ArchiveRefused
from service.uploads.upload import Upload

_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257
_HEAD = 512


def read_archive(file: BinaryIO, limits: ArchiveLimits) -> Iterator[Upload]:
    """The images of a zip or tar file that can be sought in, one after the other.

    Raises ArchiveRefused when it is neither, or what reading it raises; where that is in the middle, those before it
    have been given.
    """
    kind = _kind(file)
    return read_zip(file, limits) if kind == "zip" else read_tar(file, limits, gzipped=kind == "gzip")


def check_archive(file: BinaryIO, limits: ArchiveLimits) -> int | None:
    """How many images a zip file has, or None of a tar file, which would have to be unpacked for that.

    Raises ArchiveRefused for what can be seen without unpacking.
    """
    return check_zip(file, limits) if _kind(file) == "zip" else None


def _kind(file: BinaryIO) -> Literal["zip", "gzip", "tar"]:
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(MAGIC):
        return "zip"
    if head.startswith(GZIP):
        return "gzip"
    if head[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC) or head == bytes(_HEAD):  # the end of an empty one
        return "tar"
    raise ArchiveRefused("it is no zip and no tar archive; send one of these, or the images as files of a form")
