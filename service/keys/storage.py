"""Where the library ``limits`` counts: in memory that the processes of the service share."""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import floor

from limits.storage import SlidingWindowCounterSupport, Storage
from typing_extensions import override

from service.workers.windows import Windows


@lru_cache(maxsize=4096)
def _name(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) or 1  # 0 is no name


class SharedStorage(Storage, SlidingWindowCounterSupport):
    """Counts in ``own`` and adds up ``all_windows``, those of all processes, of which ``own`` is one.

    There is no lock: each process writes its own numbers only. Where two count at the same moment, one of them may be
    refused too early, but not more than the limit pass. Windows go by the clock that all processes of a machine share
    and that nobody sets, ``time.monotonic``.
    """

    STORAGE_SCHEME = None

    def __init__(
        self, own: Windows, all_windows: Sequence[Windows], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._own = own
        self._all = all_windows
        self._clock = clock

    @property
    @override
    def base_exceptions(self) -> type[Exception]:
        return LookupError

    @override
    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        name, now = _name(key), self._clock()
        window = int(now // expiry)
        before = self._count(name, window - 1) * _left(now, expiry) / expiry
        if floor(before + self._count(name, window)) + amount > limit:
            return False
        self._own.add(name, expiry, window, amount)
        if floor(before + self._count(name, window)) > limit:  # another process counted meanwhile
            self._own.add(name, expiry, window, -amount)
            return False
        return True

    @override
    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        name, now = _name(key), self._clock()
        window, left = int(now // expiry), _left(now, expiry)
        return self._count(name, window - 1), left, self._count(name, window), left + expiry

    @override
    def clear_sliding_window(self, key: str, expiry: int) -> None:
        self.clear(key)

    @override
    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        name, window = _name(key), int(self._clock() // expiry)
        self._own.add(name, expiry, window, amount)
        return self._count(name, window)

    @override
    def get(self, key: str) -> int:
        seconds = self._seconds(key)
        return 0 if seconds is None else self._count(_name(key), int(self._clock() // seconds))

    @override
    def get_expiry(self, key: str) -> float:
        seconds = self._seconds(key)
        return time.time() + (0 if seconds is None else _left(self._clock(), seconds))

    @override
    def check(self) -> bool:
        return True

    @override
    def reset(self) -> None:
        for windows in self._all:
            windows.clear()

    @override
    def clear(self, key: str) -> None:
        for windows in self._all:
            windows.forget(_name(key))

    def _count(self, name: int, window: int) -> int:
        return sum([windows.count(name, window) for windows in self._all])

    def _seconds(self, key: str) -> int | None:
        return next(filter(None, (windows.seconds(_name(key)) for windows in self._all)), None)


def _left(now: float, seconds: int) -> float:
    """The seconds until the present window ends."""
    return seconds - now % seconds
