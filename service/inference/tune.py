"""Measures how a graph runs best on this machine, while it does nothing else."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.manifest import InputSpec
from models.runtime import Session
from service.inference.plan import Plan
from service.inference.tuning import SIZES, runs_inline, smallest_good

# A plan that gains less than this over the one before is not worth its threads.
_WORTH = 1.02


@dataclass(frozen=True, slots=True)
class Trial:
    """Images a second in batches of ``size``, of ``threads`` each, so many ``lanes`` at a time."""

    lanes: int
    threads: int
    size: int
    rate: float


def lanes_to_try(cores: int) -> list[int]:
    """Runs at a time, of as many threads as share the cores evenly: all of them at once, half of them, and so on."""
    return [lanes for lanes in range(cores, 0, -1) if cores % lanes == 0]


def trials(session: Session, spec: InputSpec, lanes: int, threads: int, seconds: float) -> Iterator[Trial]:
    """Measure batches of growing size, until they gain nothing any more."""
    best = 0.0
    for size in SIZES:
        trial = Trial(lanes, threads, size, rate(session, spec, lanes, size, seconds))
        yield trial
        if trial.rate < best * 0.9:  # it will not get better
            return
        best = max(best, trial.rate)


def rate(session: Session, spec: InputSpec, lanes: int, size: int, seconds: float, *, alone: bool = False) -> float:
    """Images a second when ``lanes`` threads run batches of ``size`` for about so many seconds."""
    pixels = np.zeros((size, *spec.shape), np.uint8)
    session.run(pixels, alone=alone)  # the first run of a size gets its memory
    counts = [0] * lanes
    began = time.monotonic()

    def work(lane: int) -> None:
        while time.monotonic() < began + seconds or not counts[lane]:
            session.run(pixels, alone=alone)
            counts[lane] += size

    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


def best_plan(session: Session, measured: list[Trial], alone: dict[int, float]) -> Plan:
    """The plan of the most images a second, and the threads by which one image alone is answered soonest.

    ``alone`` has the images a second, one after the other, by threads.
    """
    by_lanes: dict[int, list[Trial]] = {}
    for trial in measured:
        by_lanes.setdefault(trial.lanes, []).append(trial)
    best: list[Trial] = []
    for some in by_lanes.values():  # from the fewest threads on
        if not best or max(one.rate for one in some) > _WORTH * max(one.rate for one in best):
            best = some
    max_batch = smallest_good({trial.size: trial.rate for trial in best})
    seconds = next(trial.lanes * trial.size / trial.rate for trial in best if trial.size == max_batch)
    return Plan(
        threads=best[0].threads,
        threads_alone=max(alone, key=alone.__getitem__),
        lanes=0 if runs_inline(session, seconds) else best[0].lanes,
        max_batch=max_batch,
    )
