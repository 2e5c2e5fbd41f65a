"""How many images to run at once: measured when a version is opened, for no rule holds for all graphs.

On one core of a Zen 5 a small network on 32 x 32 pixels takes 53 us for an image alone and 44 for each of eight;
MobileNetV2 at 224 takes 4.1 ms alone and 5.4 for each of sixteen, whose layers no longer fit its cache.
"""

import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from models.manifest import InputSpec
from models.runtime import Session

SIZES = (1, 2, 4, 8, 16, 32, 64)
_BUDGET_S = 0.2  # opening waits for it
_RUNS = 3
# A larger batch that gains less than this is not worth that its first image waits for its last.
_WORTH = 1.03


def best_batch(session: Session, spec: InputSpec) -> int:
    """The most images to run at once."""

    def run(size: int) -> None:
        session.run(np.zeros((size, *spec.shape), np.uint8))

    return smallest_good({size: 1 / seconds for size, seconds in _measured(run)})


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
