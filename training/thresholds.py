"""Which best guesses to accept: the thresholds that the validation split proves.

A threshold is proved when, were its accepted answers right less often than is wanted, a validation split would look as
good as this one only once in twenty times, by the exact binomial test (Clopper and Pearson 1934, Biometrika 26:404): to
prove 95 % takes 59 right answers of 59 at the least. To try many thresholds and take the best that passes would prove
nothing, as one of many passes by luck. So they are tried in an order that does not depend on which guesses are right,
and the first failure ends it: what was passed until then holds as surely as one single trial (fixed sequence testing;
Angelopoulos et al. 2021, "Learn then Test", arXiv:2110.01052). The order begins where the scores promise the easiest
proof, and accepts more and more from there.
"""

import math

import numpy as np
from numpy.typing import NDArray

from models.manifest import ACCEPTS_NOTHING, Decision
from models.postprocess import Probabilities
from training.scores import Targets

_CHANCE = 0.05  # once in twenty times
# How many times as likely to be wrong as is wanted of accepted answers on average the least sure of them may be, by its
# own score. Labels that are nearly always right prove any threshold: a cup of coffee was accepted as an automobile of
# 81 %. With three cifar10 accepts 85.1 % of its test images instead of 87.9 %, and 98.4 % of these are right.
_DOUBT = 3
_THRESHOLDS = np.append(np.arange(1001) / 1000, ACCEPTS_NOTHING)
_NONE = len(_THRESHOLDS) - 1
# As the service compares: a score in float32 with a threshold that is rounded to it.
_ROUNDED = _THRESHOLDS.astype(np.float32)

# [3, thresholds]: how many guesses each accepts, how many of them are right, and the sum of their scores.
_Tally = NDArray[np.float64]


def least_images(accuracy: float) -> int:
    """How many accepted answers, all of them right, it takes at the least to prove ``accuracy``: 59 for 95 %."""
    return math.ceil(math.log(_CHANCE) / math.log(accuracy))


def choose_decision(probabilities: Probabilities, targets: Targets, accuracy: float) -> Decision:
    """The thresholds, in thousandths, that accept the most and yet are right as often as ``accuracy`` asks.

    No threshold is below the score at which a guess is three times as likely to be wrong as is wanted on average. All
    guesses must prove one, or nothing is accepted. Then a label whose own guesses prove it has a threshold of its own.
    The others share one, which their guesses prove together, so that none of them lives on what the best labels have
    to spare; but of a label whose accepted guesses prove the contrary, nothing is accepted. Each
    of these proofs is by itself: of twenty labels that only just miss what is wanted one gets a threshold, and of
    twenty that only just reach it one is sent to review.
    """
    scores, guesses = probabilities.max(axis=1), probabilities.argmax(axis=1)
    right = guesses == targets
    common, own = _prove(_tally(scores, right), accuracy), dict[int, int]()
    if common != _NONE:
        tallies = {label: _tally(scores[guesses == label], right[guesses == label]) for label in set(guesses.tolist())}
        own = {label: place for label, tally in tallies.items() if (place := _prove(tally, accuracy)) != _NONE}
        others = [label for label in tallies if label not in own]
        shared = np.isin(guesses, others)
        common = _prove(_tally(scores[shared], right[shared]), accuracy)
        own |= {label: _NONE for label in others if _misses(tallies[label], common, accuracy)}
    places = [own.get(label, common) for label in range(probabilities.shape[1])]
    accepted = scores >= _ROUNDED[places][guesses]
    return Decision(
        threshold=_THRESHOLDS[common],
        accuracy=float(right[accepted].mean()) if accepted.any() else 0,
        coverage=float(accepted.mean()),
        target=accuracy,
        thresholds=tuple(_THRESHOLDS[places].tolist()) if own else (),
    )


def _tally(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> _Tally:
    falling = np.argsort(-scores, kind="stable")
    counts = len(scores) - np.searchsorted(scores[falling[::-1]], _ROUNDED)
    hits = np.append(0, right[falling].cumsum())
    sums = np.append(0, scores[falling].cumsum(dtype=np.float64))
    return np.stack([counts, hits[counts], sums[counts]])


def _prove(tally: _Tally, accuracy: float) -> int:
    """The place of the lowest threshold that is proved; ``_NONE`` where none is.

    The trials begin where the sum of the scores, which calibration made the expected count of right answers, is the
    most standard deviations above what ``accuracy`` would give.
    """
    from scipy.stats import binom  # takes half a second, and who only reads what was calibrated needs none

    count, right, promised = tally
    proved = binom.sf(right - 1, count, accuracy) <= _CHANCE
    # Of fewer not even all being right would be a proof.
    tried = (accuracy**count <= _CHANCE) & (round(1 - _DOUBT * (1 - accuracy), 6) <= _THRESHOLDS)
    if not tried.any():
        return _NONE
    deviation = np.sqrt(np.maximum(count, 1) * accuracy * (1 - accuracy))
    first = int(np.where(tried, (promised - accuracy * count) / deviation, -np.inf).argmax())
    if not proved[first]:
        return _NONE
    failed = np.flatnonzero(~(proved & tried)[:first])
    return int(failed[-1]) + 1 if len(failed) else 0


def _misses(tally: _Tally, place: int, accuracy: float) -> bool:
    """Whether so few of the guesses at and above the threshold at ``place`` are right that ``accuracy`` is not it."""
    from scipy.stats import binom

    count, right, _ = tally[:, place]
    return bool(binom.cdf(right, count, accuracy) <= _CHANCE)
