"""How many times as many images a second one graph answers as another, on this machine."""

import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from models.manifest import InputSpec
from models.preprocess import Pixels
from models.runtime import Session

# Alone, as at low load, and as many together as the service runs at most by default.
BATCHES = (1, 32)
_SECONDS = 0.5
_LEAST_ROUNDS = 3


def speed_up(reference: Session, variant: Session, spec: InputSpec, batches: Sequence[int] = BATCHES) -> float:
    """How many times as fast ``variant`` is as ``reference``, in batches of the size at which it gains least."""
    return min(_ratio(reference, variant, _pixels(spec, batch)) for batch in batches)


def _ratio(reference: Session, variant: Session, pixels: Pixels) -> float:
    """By turns and by the medians, so that whatever else the machine does meets both."""
    for session in (reference, variant):
        session.run(pixels)  # the first run of a size allocates
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end or len(times[0]) < _LEAST_ROUNDS:
        for session, seconds in zip((reference, variant), times, strict=True):
            start = time.perf_counter()
            session.run(pixels)
            seconds.append(time.perf_counter() - start)
    return median(times[0]) / median(times[1])


def _pixels(spec: InputSpec, batch: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (batch, *spec.shape), np.uint8)
