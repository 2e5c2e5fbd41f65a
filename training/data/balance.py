"""Evening out classes of unequal size: by what an image counts, or by how often it comes up."""

import numpy as np
from numpy.typing import NDArray

from training.data.splits import Indices


def class_weights(targets: Indices, classes: int) -> NDArray[np.float32]:
    """Weights float32 ``[classes]`` under which every class counts the same; their mean over all images is 1.

    ``targets`` are int64 ``[images]``. A class without images weighs nothing.
    """
    counts = np.bincount(targets, minlength=classes)
    present = np.count_nonzero(counts)
    weights: NDArray[np.float32] = np.zeros(classes, np.float32)
    np.divide(len(targets), present * counts, out=weights, where=counts > 0, casting="same_kind")
    return weights


def balanced_rows(targets: Indices, count: int, rng: np.random.Generator) -> Indices:
    """``count`` places in ``targets``, shuffled, in which the classes come up equally often, up to one image.

    Within a class every image is drawn once before one is drawn again.
    """
    members = [np.flatnonzero(targets == label) for label in np.unique(targets)]
    shares = np.full(len(members), count // len(members))
    shares[rng.permutation(len(members))[: count % len(members)]] += 1
    drawn = [_draw(rows, int(share), rng) for rows, share in zip(members, shares, strict=True)]
    return rng.permutation(np.concatenate(drawn))


def _draw(rows: Indices, count: int, rng: np.random.Generator) -> Indices:
    rounds = -(-count // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)] or [rows[:0]])[:count]
