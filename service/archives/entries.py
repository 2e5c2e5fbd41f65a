"""The entries of an archive, and what all of them together may cost."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from models.errors import ImageTooLarge
from service.archives.limits import ArchiveLimits
from service.errors import ArchiveRefused
from service.uploads.upload import Upload

_PIECE = 65_536


class Packed(NamedTuple):
    """One file in an archive: its name there, which is for people and no path, and its bytes in the archive."""

    name: str
    size: int


class Budget:
    """Counts what an archive has cost so far; raises ArchiveRefused when it is too much.

    What unpacks to little may do so from nothing: the ratio counts from ``_GRACE`` bytes on.
    """

    _GRACE = 1_000_000

    def __init__(self, limits: ArchiveLimits) -> None:
        self._limits = limits
        self._entries = 0
        self._inflated = 0

    def count_entry(self) -> None:
        """One entry more, of whatever kind."""
        self._entries += 1
        if self._entries > self._limits.entries:
            raise ArchiveRefused(f"the archive has more than {self._limits.entries:,} entries")

    def count_bytes(self, inflated: int) -> None:
        """So many bytes more were unpacked."""
        self._inflated += inflated
        if self._inflated > self._limits.inflated:
            raise ArchiveRefused(f"the archive unpacks to more than {self._limits.inflated:,} bytes")

    def check_ratio(self, packed: int) -> None:
        """What was unpacked so far came from ``packed`` bytes."""
        if self._inflated > self._GRACE and self._inflated > self._limits.ratio * max(1, packed):
            raise ArchiveRefused(f"the archive unpacks to more than {self._limits.ratio} times its size")

    def read(self, entry: Packed, content: BinaryIO) -> Upload:
        """The image of one entry; one that is too large fails alone, though what it unpacks to counts all the same."""
        pieces: list[bytes] = []
        size = 0
        for piece in _pieces(content):
            size += len(piece)
            self.count_bytes(len(piece))
            if size > self._GRACE and size > self._limits.ratio * max(1, entry.size):
                raise ArchiveRefused(f"an entry unpacks to more than {self._limits.ratio} times its size")
            if size <= self._limits.image:
                pieces.append(piece)
            else:
                pieces.clear()
        if size > self._limits.image:
            error = ImageTooLarge(f"the image has {size:,} bytes; at most {self._limits.image:,} are accepted")
            return Upload(entry.name, b"", error)
        return Upload(entry.name, b"".join(pieces))


def _pieces(content: BinaryIO) -> Iterator[bytes]:
    while piece := content.read(_PIECE):
        yield piece
