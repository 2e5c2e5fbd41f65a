"""Which images make a batch: the order of an epoch, and each process's share of it."""

import math
from collections.abc import Iterator

import numpy as np

from training.data.balance import balanced_rows
from training.data.splits import Indices
from training.seed import generator
from training.settings import FitSettings


def count_steps(images: int, batch_size: int, processes: int = 1) -> int:
    """How many batches of at most ``batch_size`` show every one of ``images`` once.

    No process gets a single image, which would have no statistics for batch norm: too small a batch becomes part
    of the others instead.
    """
    return max(1, min(math.ceil(images / batch_size), images // (2 * processes)))


def epoch_batches(
    settings: FitSettings, targets: Indices, seed: int, epoch: int, processes: int = 1
) -> Iterator[Indices]:
    """Places in the training split, batch by batch; the same in every process.

    Without ``steps`` and sampling every image comes once, in batches of one size or of two that differ by one.
    ``targets`` int64 ``[images]`` are the classes of the split.
    """
    steps = settings.steps or count_steps(len(targets), settings.batch_size, processes)
    count = settings.steps * settings.batch_size if settings.steps else len(targets)
    rng = generator(seed, "order", epoch)
    if settings.balance == "sampling":
        order = balanced_rows(targets, count, rng)
    else:
        rounds = math.ceil(count / len(targets))
        order = np.concatenate([rng.permutation(len(targets)) for _ in range(rounds)])[:count]
    yield from np.array_split(order, steps)


def share(rows: Indices, process: int, processes: int) -> Indices:
    """What of a batch belongs to one of several processes."""
    return np.array_split(rows, processes)[process]
