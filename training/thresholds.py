"""Which best guesses to accept: the thresholds that the validation split proves.

A threshold is proved when, were its accepted answers right less often than is wanted, a validation split would look as
good as this one only once in twenty times: when the lower end of Wilson's interval reaches what is wanted (which
approximates: with the 52 right answers of 52 that prove 95 % at the least, it is once in fourteen times). To try
many thresholds and take the best that passes would prove nothing, as one of many passes by luck. So they are tried in
an order that does not depend on which guesses are right, and the first failure ends it: what was passed until then
holds as surely as one single trial (fixed sequence testing; Angelopoulos et al. 2021, "Learn then Test",
arXiv:2110.01052). The order begins where the scores promise the easiest proof, and accepts more and more from there.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from models.manifest import ACCEPTS_NOTHING, Decision
from models.postprocess import Probabilities
from training.scores import Targets

# One-sided 95 %: where the accepted answers are not good enough, a trial passes once in twenty times.
_Z = NormalDist().inv_cdf(0.95)
_THRESHOLDS = np.append(np.arange(1001) / 1000, ACCEPTS_NOTHING)
_NONE = len(_THRESHOLDS) - 1
# As the service compares: a score in float32 with a threshold that is rounded to it.
_ROUNDED = _THRESHOLDS.astype(np.float32)

# [3, thresholds]: how many guesses each accepts, how many of them are right, and the sum of their scores.
_Tally = NDArray[np.float64]


def choose_decision(probabilities: Probabilities, targets: Targets, accuracy: float) -> Decision:
    """The thresholds, in thousandths, that accept the most and yet are right as often as ``accuracy`` asks.

    First one for all labels. Where there is one, each label is tried by itself, and those whose own guesses prove it
    get a threshold of their own, lower or higher. The others keep the common one, or a higher one if the accepted
    answers as a whole need it. So the whole is proved at 95 %, and each of the labels' own thresholds is by itself: of
    twenty labels that only just miss what is wanted, one gets a threshold. Where there is none, nothing is accepted.
    """
    scores, guesses = probabilities.max(axis=1), probabilities.argmax(axis=1)
    right = guesses == targets
    common = _prove(_tally(scores, right), accuracy)
    own: dict[int, int] = {}
    if common != _NONE:
        tallies = {label: _tally(scores[guesses == label], right[guesses == label]) for label in set(guesses.tolist())}
        proved = {label: _prove(tally, accuracy) for label, tally in tallies.items()}
        own = {label: place for label, place in proved.items() if place != _NONE}
        rest = ~np.isin(guesses, list(own))
        settled = np.sum([tallies[label][:, [place]] for label, place in own.items()], axis=0)
        common = _prove(_tally(scores[rest], right[rest]) + settled, accuracy, lowest=common)
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


def _prove(tally: _Tally, accuracy: float, lowest: int = 0) -> int:
    """The place of the lowest threshold that is proved, not below the place ``lowest``; ``_NONE`` where none is.

    That Wilson's lower end reaches ``accuracy`` is the same as that the count of right answers is ``_Z`` standard
    deviations above what ``accuracy`` would give. The trials begin where the sum of the scores, which calibration made
    the expected count of right answers, is the most standard deviations above it.
    """
    count, right, promised = tally
    deviation = np.sqrt(np.maximum(count, 1) * accuracy * (1 - accuracy))
    proved = right - accuracy * count >= _Z * deviation
    # Of fewer than that not even all being right would be a proof.
    tried = (count >= _Z**2 * accuracy / (1 - accuracy)) & (np.arange(len(count)) >= lowest)
    if not tried.any():
        return _NONE
    first = int(np.where(tried, (promised - accuracy * count) / deviation, -np.inf).argmax())
    if not proved[first]:
        return _NONE
    failed = np.flatnonzero(~(proved & tried)[:first])
    return int(failed[-1]) + 1 if len(failed) else 0
