"""Permits: leave for one image to enter. There are only so many, and one that is not to be had is refused at once."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.errors import Full

_MEMORY_S = 5.0  # how far back the measured rate looks; shorter forgets a pause, longer a change of load


class Admission:
    """At most ``capacity`` images inside, and none that would wait longer than ``max_wait`` seconds.

    The rate is measured: images that left, divided by the time in which there were any, over the last seconds.
    """

    def __init__(self, capacity: int, max_wait: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.inside = 0
        self._max_wait = max_wait
        self._clock = clock
        self._left = 0.0  # images, fading
        self._busy = 0.0  # seconds, fading alike
        self._seen = clock()

    @property
    def rate(self) -> float:
        """Images a second; infinite until one has left."""
        return self._left / self._busy if self._left and self._busy else math.inf

    @contextmanager
    def permits(self, images: int) -> Iterator[None]:
        """Hold a permit for each of ``images``; raises Full, with the time after which there may be room."""
        self._take(images)
        try:
            yield
        finally:
            self._give_back(images)

    def _take(self, images: int) -> None:
        self._advance()
        wanted = self.inside + images
        room = min(self.capacity, self.rate * self._max_wait)
        # An image that finds nobody inside is always let in: however slow the model, it can be asked.
        if self.inside and wanted > room:
            retry_after = 1 if math.isinf(self.rate) else max(1, math.ceil((wanted - room) / self.rate))
            raise Full(f"{self.inside} images are inside and there is no room for {images} more", retry_after)
        self.inside = wanted

    def _give_back(self, images: int) -> None:
        self._advance()
        self.inside -= images
        self._left += images

    def _advance(self) -> None:
        now = self._clock()
        elapsed, self._seen = now - self._seen, now
        if self.inside:  # time in which there was nothing to do says nothing about the rate
            fade = math.exp(-elapsed / _MEMORY_S)
            self._left *= fade
            self._busy = self._busy * fade + elapsed
