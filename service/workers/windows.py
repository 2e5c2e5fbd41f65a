"""Counts of what happens now, which one process writes and others read, in memory that they share."""

from collections.abc import Iterator

_PLACES = 4096  # memory that nobody has written to takes none
_NAME, _SECONDS, _EVEN = range(3)  # the words of a place; the last is the one of odd windows
_WORDS = 4
_WORD_BYTES = 8
_COUNT_BITS = 32
_COUNT = (1 << _COUNT_BITS) - 1


class Windows:
    """How often something happened in a window of time, by a name of 64 bits; the last two windows are known.

    A window is the number of times that its length fits into the time before it. Each word says of which window its
    count is. So nothing has to be cleared when a window ends, no lock is needed, and a process that is killed at any
    moment leaves what others can read. A successor counts on.
    """

    SIZE = _PLACES * _WORDS * _WORD_BYTES

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._words = memory.cast("Q")
        self._known: dict[int, int] = {}  # where a name was last found

    def count(self, name: int, window: int) -> int:
        """How often it happened in ``window``."""
        place = self._find(name)
        return 0 if place is None else self._count(place, window)

    def add(self, name: int, seconds: int, window: int, amount: int = 1) -> None:
        """Count ``amount`` more, or fewer, in a window of so many seconds; only the process whose counts these are may.

        Raises LookupError when so many names are counted now that there is no place for another.
        """
        place = self._find(name)
        if place is None:
            place = self._claim(name, seconds, window * seconds)
        count = max(0, self._count(place, window) + amount)
        self._words[_word(place, window)] = window << _COUNT_BITS | min(count, _COUNT)

    def seconds(self, name: int) -> int | None:
        """How long the windows of a name are, None when it was not counted lately."""
        place = self._find(name)
        return None if place is None else self._words[place + _SECONDS]

    def forget(self, name: int) -> None:
        """Count it from 0 again."""
        place = self._find(name)
        if place is not None:
            self._empty(place)

    def clear(self) -> None:
        """Forget everything."""
        self._memory[:] = bytes(self.SIZE)

    def _count(self, place: int, window: int) -> int:
        word = self._words[_word(place, window)]
        return word & _COUNT if word >> _COUNT_BITS == window else 0

    def _find(self, name: int) -> int | None:
        known = self._known.get(name)
        if known is not None and self._words[known] == name:
            return known
        for place in _places(name):
            if self._words[place] == name:
                self._known[name] = place
                return place
            if not self._words[place]:
                return None
        return None

    def _claim(self, name: int, seconds: int, now: int) -> int:
        """A place for a name: the first that is empty, or whose counts are too old to matter."""
        for place in _places(name):
            if not self._words[place] or self._is_old(place, now):
                self._empty(place)
                self._words[place + _SECONDS] = seconds
                self._words[place] = name  # last: who reads now finds no counts of another
                return place
        raise LookupError(f"more than {_PLACES:,} names are counted at once")

    def _empty(self, place: int) -> None:
        self._words[place + _EVEN] = self._words[place + _EVEN + 1] = 0

    def _is_old(self, place: int, now: int) -> bool:
        latest = max(self._words[place + _EVEN], self._words[place + _EVEN + 1]) >> _COUNT_BITS
        return (latest + 2) * self._words[place + _SECONDS] <= now


def _places(name: int) -> Iterator[int]:
    """Where the name may be, in this order: the words at which these places begin."""
    for step in range(_PLACES):
        yield (name + step) % _PLACES * _WORDS


def _word(place: int, window: int) -> int:
    return place + _EVEN + window % 2
