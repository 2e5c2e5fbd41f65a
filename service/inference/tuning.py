"""How many images to run at once: measured when a version is opened, for no rule holds for all graphs.

On one core of a Zen 5 a small network on 32 x 32 pixels takes 53 us for an image alone and 44 for each of eight;
MobileNetV2 at 224 takes 4.1 ms alone and 5.4 for each of sixteen, whose layers no longer fit its cache.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from models.manifest import InputSpec
from models.runtime import Session

SIZES = (1, 2, 4, 8, 16, 32, 64)
_BUDGET_S = 0.2  # opening waits for it
_RUNS = 3
# Threads that share a run must meet after each of its nodes: on two cores a run of 0.05 ms took twice as long, one of
# 0.63 ms two thirds, one of 3.9 ms half of the time. Not measured at opening, when other processes open theirs.
_SHARED_FROM_S = 0.0003
# To wake a thread, and the loop when it is done, took a fifth of a request to a graph whose batch runs for 0.4 ms.
# Other requests wait as long as a batch runs, so that it must be short, and so whatever is in the pixels.
_INLINE_BELOW_S = 0.001
# A larger batch that gains less than this is not worth that its first image waits for its last.
_WORTH = 1.03


class Best(NamedTuple):
    """How a graph runs best: the most images at once, and two questions that the time of a run answers.

    ``shared``: whether a run that has the machine to itself is worth all cores; ``inline``: whether a batch is over so
    soon that the thread of the event loop should run it.
    """

    max_batch: int
    shared: bool
    inline: bool


def measure(session: Session, spec: InputSpec) -> Best:
    """Find out how a graph runs best; takes a moment."""

    def run(size: int) -> None:
        session.run(np.zeros((size, *spec.shape), np.uint8))

    seconds = dict(_measured(run))
    best = smallest_good({size: 1 / each for size, each in seconds.items()})
    return Best(best, seconds[1] > _SHARED_FROM_S, runs_inline(session, best * seconds[best]))


def warm(session: Session, spec: InputSpec, most: int) -> None:
    """Run each size up to ``most`` once, so that no request pays for the first run of its shape."""
    for size in range(1, most + 1):
        session.run(np.zeros((size, *spec.shape), np.uint8))


def runs_inline(session: Session, seconds: float) -> bool:
    """Whether the event loop's own thread may run batches that were seen to take so many seconds."""
    return session.device == "cpu" and not session.loops and seconds < _INLINE_BELOW_S


def smallest_good(rates: Mapping[int, float]) -> int:
    """The smallest batch whose images a second are about as many as any other's."""
    best = max(rates.values())
    return min(size for size, rate in rates.items() if rate * _WORTH >= best)


def _measured(run: Callable[[int], None]) -> Iterator[tuple[int, float]]:
    """The seconds an image takes in batches of each size, until the time is over; the first size in any case."""
    until = time.monotonic() + _BUDGET_S
    for size in SIZES:
        run(size)  # the first run of a size gets its memory
        taken = []
        for _ in range(_RUNS):
            began = time.monotonic()
            run(size)
            taken.append((time.monotonic() - began) / size)
        yield size, min(taken)
        if time.monotonic() + (_RUNS + 1) * 2 * size * min(taken) > until:
            return
