"""Permits: leave for one image to enter. There are only so many, and one that is not to be had is refused at once."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.errors import Full

_MEMORY_S = 5.0  # how far back the measured rate looks; shorter forgets a pause, longer a change of load

_LEAST = 1e-9


class Admission:
    """At most ``capacity`` images inside, and none that would wait longer than ``max_wait`` seconds.

    A request that finds nobody inside is let in whatever its size, so that there is none that can never be answered.
    The rate is measured: images that finished, divided by the time in which there were any, over the last seconds.
    Set ``told`` to be told whenever the number of images inside changes.
    """

    def __init__(self, capacity: int, max_wait: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.inside = 0
        self.told: Callable[[int], None] = lambda _: None
        self._max_wait = max_wait
        self._clock = clock
        self._finished = 0.0  # images, fading
        self._busy = 0.0  # seconds, fading alike
        self._seen = clock()

    @property
    def rate(self) -> float:
        """Images a second; infinite until one has finished."""
        return self._finished / self._busy if self._finished and self._busy else math.inf

    def enter(self, images: int) -> None:
        """Take a permit for each of ``images``; raises Full, with the time after which there may be room."""
        self.check(images)
        self.inside += images
        self.told(self.inside)

    def leave(self, images: int) -> None:
        """Give permits back."""
        self._advance()
        self.inside -= images
        self.told(self.inside)

    @contextmanager
    def permits(self, images: int) -> Iterator[None]:
        """Hold permits for a while."""
        self.enter(images)
        try:
            yield
        finally:
            self.leave(images)

    def check(self, images: int = 1) -> None:
        """Raise Full when there is no room for ``images`` now."""
        self._advance()
        wanted = self.inside + images
        room = min(self.capacity, self.rate * self._max_wait)
        if self.inside and wanted > room:
            # Whoever is inside has been answered, or is past the deadline, after max_wait.
            seconds = min(self._max_wait, (wanted - room) / self.rate)
            detail = f"{self.inside} images are inside and there is no room for {images} more"
            raise Full(detail, max(1, math.ceil(seconds)))

    def finished(self) -> None:
        """Note that an image was answered, or found wanting.

        One that was given up, by its client or by its deadline, must not look like speed: the slowest model would
        seem fast as soon as it is overloaded.
        """
        self._advance()
        self._finished += 1

    def _advance(self) -> None:
        now = self._clock()
        elapsed, self._seen = now - self._seen, now
        if self.inside:  # time in which there was nothing to do says nothing about the rate
            fade = math.exp(-elapsed / _MEMORY_S)
            if self._finished:  # never down to zero, which means that nothing was measured
                self._finished = max(self._finished * fade, _LEAST)
            self._busy = self._busy * fade + elapsed
