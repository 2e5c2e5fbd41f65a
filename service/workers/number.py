"""How many workers a machine and its default model are worth.

Python runs in one thread of a process at a time, graphs in as many as there are cores. What is small needs a process
for each core. What takes longer is served better by few: one process gives whatever waits to the next core that is
free, while several have a queue each. On two cores MobileNetV2 answered 367 images a second in one process and 339 in
two; with seven tenths of that the 99th percentile was 16 ms and 50 ms; a network of 0.04 ms answered twice as many in
two.
"""

import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from models.checksums import check_files
from models.errors import WhatsitError
from models.precision import choose
from models.runtime import open_session, real_devices
from service.cores import usable_cores
from service.inference.fleet import default_ref
from service.settings import Settings
from service.store import store_of
from service.workers.apart import apart

# Of one request, decoding a small image included: 0.15 ms where a small graph runs, and 0.6 where a larger one leaves
# nothing of Python in the caches.
_PYTHON_S = 0.0004
# The share of its time that a process may spend in Python; from then on threads wait for one another.
_BUSY = 0.4
# Each has its own copy of every version that is open.
_MOST = 8
_RUNS = 3
# To open a graph of hundreds of megabytes takes seconds, and so need not be tried out: all its weights have to be read,
# at about ten gigabytes a second.
_LARGE_BYTES, _READ_A_SECOND = 32_000_000, 10e9


def number_of_workers(settings: Settings) -> tuple[int, str]:
    """How many there are to be when nobody said so, and why."""
    cores = usable_cores()
    most = min(cores, _MOST)
    if most == 1 or real_devices(settings.device)[0] == "cuda":
        return most, f"auto: one for each of {cores} cores, at most {_MOST}"
    try:
        seconds = apart(partial(_seconds_of_a_run, settings))
    except (WhatsitError, OSError, RuntimeError) as error:  # the service starts all the same, and says so too
        return most, f"auto: one for each of {cores} cores, at most {_MOST}, as the default model told nothing: {error}"
    workers = for_runs_of(seconds, cores)
    return workers, f"auto: on {cores} cores, for a default model that runs {seconds * 1000:.2g} ms or more"


def for_runs_of(seconds: float, cores: int) -> int:
    """The fewest processes that keep ``cores`` busy with runs of so many seconds."""
    python = cores * _PYTHON_S / (_PYTHON_S + seconds)
    return max(1, min(cores, _MOST, math.ceil(python / _BUSY)))


def _seconds_of_a_run(settings: Settings) -> float:
    store = store_of(settings, serving=True)
    resolved = store.resolve(default_ref(store.names, settings.default_model))
    manifest = store.manifest(resolved.name, resolved.version)
    check_files(store.bundle(resolved.name, resolved.version), manifest)
    precision, _ = choose(manifest.graphs, "cpu", settings.precision)
    graph = store.bundle(resolved.name, resolved.version) / manifest.graphs[precision].file
    size = graph.stat().st_size
    if size > _LARGE_BYTES:
        return size / _READ_A_SECOND
    session, pixels = open_session(graph, threads=1), np.zeros((1, *manifest.input.shape), np.uint8)
    return min(_seconds(partial(session.run, pixels)) for _ in range(_RUNS))


def _seconds(run: Callable[[], object]) -> float:
    began = time.monotonic()
    run()
    return time.monotonic() - began
