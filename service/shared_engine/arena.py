"""A worker's share of the memory that the engine's process reads, handed out in runs of pages."""

import numpy as np

from models.preprocess import Pixels

_PAGE = 4096


class Arena:
    """Holds the pixels of images until the engine has let go of them; ``memory`` is bytes that both processes see."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._used = bytearray(len(memory) // _PAGE)  # one for each page: 1 where it is taken
        self._taken: dict[int, int] = {}  # pages, by the first of them

    def put(self, pixels: Pixels) -> int | None:
        """Copy ``pixels`` in; returns where they begin, in bytes, or None when there is no room for them."""
        pages = -(-pixels.nbytes // _PAGE)
        first = self._used.find(bytes(pages))
        if first < 0:
            return None
        self._used[first : first + pages] = b"\1" * pages
        self._taken[first] = pages
        offset = first * _PAGE
        np.frombuffer(self._memory, np.uint8, pixels.nbytes, offset)[:] = pixels.reshape(-1)
        return offset

    def free(self, offset: int) -> None:
        """Take back what ``put`` gave out."""
        first = offset // _PAGE
        pages = self._taken.pop(first)
        self._used[first : first + pages] = bytes(pages)

    def clear(self) -> None:
        """Take back everything: nobody reads any more."""
        self._taken.clear()
        self._used[:] = bytes(len(self._used))
