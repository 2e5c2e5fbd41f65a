"""Probabilities of images that were seen before, by the content of the file and the version that answered."""

import hashlib
from collections import OrderedDict
from typing import NamedTuple

from models.postprocess import Probabilities
from service.inference.decoding import ImageInfo
from service.inference.engine import Engine

# What an entry takes besides its probabilities: the key, the tuple, the places in both tables; about this much.
_OVERHEAD = 700


class Seen(NamedTuple):
    """What an image's file said, and its probabilities, float32 ``[classes]``."""

    image: ImageInfo
    row: Probabilities


class Key(NamedTuple):
    """The digest of the file, and the version and precision, which answer one file always alike."""

    digest: bytes
    name: str
    version: int
    precision: str


class Cache:
    """Holds at most about ``limit`` bytes, dropping what was not asked for the longest; 0 holds nothing.

    A version never changes, so that what was remembered of it stays true whatever an alias names meanwhile.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._entries: OrderedDict[Key, Seen] = OrderedDict()

    @property
    def on(self) -> bool:
        """Whether anything is remembered."""
        return self._limit > 0

    def key(self, data: bytes, engine: Engine) -> Key | None:
        """By what to look for ``data``, or None when nothing is remembered."""
        if not self._limit:
            return None
        digest = hashlib.blake2b(data, digest_size=32).digest()
        return Key(digest, engine.manifest.name, engine.manifest.version, engine.precision)

    def get(self, key: Key) -> Seen | None:
        """What was remembered."""
        seen = self._entries.get(key)
        if seen is not None:
            self._entries.move_to_end(key)
        return seen

    def put(self, key: Key, seen: Seen) -> None:
        """Remember it."""
        if key not in self._entries:
            self._held += _size(seen)
        self._entries[key] = Seen(seen.image, seen.row.copy())  # else its whole batch would be kept
        while self._held > self._limit:
            _, dropped = self._entries.popitem(last=False)
            self._held -= _size(dropped)


def _size(seen: Seen) -> int:
    return seen.row.nbytes + _OVERHEAD
