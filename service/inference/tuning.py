"""How many images to run at once: measured when a version is opened, for no rule holds for all graphs.

On one core of a Zen 5 a small network on 32 x 32 pixels takes 53 us for an image alone and 44 for each of eight;
MobileNetV2 at 224 takes 4.1 ms alone and 5.4 for each of sixteen, whose layers no longer fit its cache.
"""

import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from models.manifest import InputSpec
from models.runtime import Session

_SIZES = (1, 2, 4, 8, 16, 32, 64)
_BUDGET_S = 0.2  # opening waits for it
_RUNS = 3
# A larger batch that gains less than this is not worth that its first image waits for its last.
_WORTH = 1.03


def best_batch(session: Session, spec: InputSpec, most: int = _SIZES[-1]) -> tuple[int, dict[int, float]]:
    """The batch to run at most, of at most ``most`` images, and the seconds an image took in each that was tried."""

    def run(size: int) -> None:
        session.run(np.zeros((size, *spec.shape), np.uint8))

    seconds = dict(_measured(run, [size for size in _SIZES if size <= most]))
    return _smallest_good(seconds), seconds


def _measured(run: Callable[[int], None], sizes: list[int]) -> Iterator[tuple[int, float]]:
    """The seconds an image takes in batches of each size, until the time is over; the first size in any case."""
    until = time.monotonic() + _BUDGET_S
    for size in sizes:
        run(size)  # the first run of a size gets its memory
        taken = []
        for _ in range(_RUNS):
            began = time.monotonic()
            run(size)
            taken.append((time.monotonic() - began) / size)
        yield size, min(taken)
        if time.monotonic() + (_RUNS + 1) * 2 * size * min(taken) > until:
            return


def _smallest_good(seconds: Mapping[int, float]) -> int:
    best = min(seconds.values())
    return next(size for size, taken in seconds.items() if taken <= _WORTH * best)
