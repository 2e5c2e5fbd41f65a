"""The candidates of an answer, which hold the right label as often as was asked: split conformal prediction."""

import math

import numpy as np

from models.manifest import Conformal
from models.postprocess import Probabilities
from training.scores import Targets


def set_threshold(probabilities: Probabilities, targets: Targets, coverage: float) -> float | None:
    """The score from which on a label is a candidate, found on validation ``[N, classes]``.

    Of N + 1 images of one kind, the score of the truth of the last is as likely to be the lowest as that of any other,
    or the second lowest, and so on: so it is at least the k-th highest of the N with a chance of k / (N + 1), and
    k = ceil((N + 1) * coverage) is enough (Vovk et al. 2005, "Algorithmic Learning in a Random World"; Sadinle et
    al. 2019, arXiv:1609.00451). None where N is too small for it: 95 % needs 19 images.
    """
    truths = np.sort(probabilities[np.arange(len(targets)), targets])[::-1]
    # Rounded first: 0.95 * 100 images must not become 96 by the last bit of a float.
    rank = math.ceil(round((len(truths) + 1) * coverage, 9))
    if rank > len(truths):
        return None
    # Down to six decimals, beyond which processors differ.
    return math.floor(float(truths[rank - 1]) * 1e6) / 1e6


def measure_sets(probabilities: Probabilities, targets: Targets, threshold: float, coverage: float) -> Conformal:
    """What sets of labels scored at least ``threshold``, and the best guess, are on images ``[N, classes]``."""
    inside = probabilities >= np.float32(threshold)
    rows = np.arange(len(targets))
    inside[rows, probabilities.argmax(axis=1)] = True
    return Conformal(
        coverage=coverage,
        threshold=threshold,
        test_coverage=float(inside[rows, targets].mean()),
        mean_size=float(inside.sum(axis=1).mean()),
    )
