"""The two limits that no server can pass: the same work in plain loops, without HTTP.

``run`` is the graph alone on pixels that are ready; ``decode`` is decoding, resizing and the graph. Both in as many
processes, threads and batch sizes as turn out best.
"""

import multiprocessing
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier as BarrierType

import numpy as np
import onnxruntime

from benchmarks.serving.errors import ServerFailed
from benchmarks.serving.works import Work
from models.preprocess import load_pixels

_READY_S = 120


@dataclass(frozen=True, slots=True)
class Loop:
    """``processes`` at once, each with a session of ``threads``, over batches of ``batch`` images."""

    processes: int
    threads: int
    batch: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.processes} x {self.threads} threads, batches of {self.batch}"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit with the loops that are tried; ``decodes`` says whether images are decoded in them."""

    name: str
    title: str
    decodes: bool
    settings: tuple[Loop, ...]


def limits(cores: int) -> tuple[Limit, Limit]:
    """Both limits on ``cores`` cores."""
    each = tuple(Loop(cores, 1, batch) for batch in (1, 4, 8, 16, 32))
    one = tuple(Loop(1, cores, batch) for batch in (1, 4, 16)) if cores > 1 else ()
    return (
        Limit("limit-run", "session.run alone", decodes=False, settings=each + one),
        Limit("limit-decode", "decode, resize, run", decodes=True, settings=each),
    )


def images_a_second(limit: Limit, work: Work, loop: Loop, seconds: float) -> float:
    """Run a loop for ``seconds`` and return its images a second, all processes together; raises ServerFailed."""
    context = multiprocessing.get_context("spawn")
    barrier, rates = context.Barrier(loop.processes), context.Queue()
    arguments = (work, loop, limit.decodes, seconds, barrier, rates)
    processes = [context.Process(target=_measure, args=arguments) for _ in range(loop.processes)]
    for process in processes:
        process.start()
    try:
        total: float = sum(rates.get(timeout=_READY_S + 2 * seconds) for _ in processes)
    except queue.Empty:
        raise ServerFailed(f"{limit.title}: {loop.name}: a process has ended; what it said stands above") from None
    finally:
        for process in processes:
            process.terminate()
            process.join()
    return total


def _measure(
    work: Work,
    loop: Loop,
    decodes: bool,  # noqa: FBT001 - multiprocessing passes it on
    seconds: float,
    barrier: BarrierType,
    rates: "multiprocessing.Queue[float]",
) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = loop.threads
    session = onnxruntime.InferenceSession(work.graph, options)
    image, spec = work.image, work.manifest.input
    ready = np.stack([load_pixels(image, spec)] * loop.batch)

    def batch() -> None:
        pixels = np.stack([load_pixels(image, spec) for _ in range(loop.batch)]) if decodes else ready
        session.run(None, {"pixels": pixels})

    batch()
    barrier.wait(_READY_S)
    rates.put(_rate(batch, seconds) * loop.batch)


def _rate(once: Callable[[], None], seconds: float) -> float:
    began, times = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        once()
        times += 1
    return times / passed
