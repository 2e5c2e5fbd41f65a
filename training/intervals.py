"""Where a figure lies that was measured on a sample. No torch, no files."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray


def wilson(hits: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Where a rate lies, between 0 and 1, at a two-sided ``confidence``, when ``hits`` of ``count`` were seen.

    The score interval of Wilson 1927 (JASA 22:209), which holds its confidence for few images and for rates near 0
    and 1, where the usual normal interval does not (Brown, Cai and DasGupta 2001, Statistical Science 16:101). Of no
    images at all nothing is known: 0 to 1.
    """
    if not count:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, spread = hits / count, z**2 / count
    middle, margin = rate + spread / 2, math.sqrt(spread * (rate * (1 - rate) + spread / 4))
    # Rounding must not push the rate itself out: at 0 and at 1 the end of the interval is the rate.
    low, high = (middle - margin) / (1 + spread), (middle + margin) / (1 + spread)
    return max(0.0, min(low, rate)), min(1.0, max(high, rate))


def macro_f1_interval(matrix: NDArray[np.int64], confidence: float = 0.95, draws: int = 1000) -> tuple[float, float]:
    """Where the macro F1 of a confusion matrix, ``[true, predicted]`` in counts, lies at ``confidence``.

    The percentile interval of the bootstrap (Efron 1979, Annals of Statistics 7:1): as many images are drawn again,
    with replacement, ``draws`` times. To draw images is to draw the cells that they fell into. The same matrix always
    has the same interval.
    """
    true, predicted = np.nonzero(matrix)
    counts, classes, random = matrix[true, predicted], len(matrix), np.random.default_rng(0)
    drawn = (random.multinomial(counts.sum(), counts / counts.sum()) for _ in range(draws))
    scores = [_macro_f1(true, predicted, again, classes) for again in drawn]
    low, high = np.quantile(scores, ((1 - confidence) / 2, (1 + confidence) / 2)).tolist()
    return low, high


def _macro_f1(true: NDArray[np.int64], predicted: NDArray[np.int64], counts: NDArray[np.int64], classes: int) -> float:
    """The mean over the classes that occur, as in training.scores."""
    shown = np.bincount(true, counts, classes) + np.bincount(predicted, counts, classes)
    hits = np.bincount(true, counts * (true == predicted), classes)
    occurs = shown > 0
    return float((2 * hits[occurs] / shown[occurs]).mean())
