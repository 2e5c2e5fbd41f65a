"""Calibration on the validation split: a temperature that makes scores honest, thresholds that make them useful.

The same split chose the epoch, and the temperature before the thresholds, so that it is a little better than fresh
images and what is proved on it a little less sure. On Fashion-MNIST, with epochs chosen out of 20 by the rule of
training, sets that are to hold the right label in 95 % of the cases did so in 94.9, 94.9 and 95.0 % with 200, 500 and
2,000 validation images, against 95.0, 94.9 and 95.0 % when a fresh split chose them. Of accepted answers 98.5, 97.3 and
98.5 % were right, against 98.8, 97.5 and 98.5; of the labels with accepted answers 19, 30 and 5 % had fewer than 95 %
of them right, against 17, 29 and 5 (``python -m benchmarks.calibration reused DIR``). A split more would take more from
training than that.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from models.manifest import Conformal, Decision, Strict
from models.postprocess import Probabilities
from training.conformal import measure_sets, set_threshold
from training.scores import Targets, calibration_error, softmax
from training.settings import DecisionSettings
from training.thresholds import choose_decision

# Beyond these the validation split says no more than that all of it was right, or that all was chance.
_LEAST, _MOST = 0.1, 10.0
_HALVINGS = 60


class Calibration(Strict):
    """``calibration.json``; the errors are expected calibration errors on validation, before and after.

    ``set_threshold`` is the score from which on a label is a candidate, and ``conformal`` what the candidates
    are on the test split, once that was looked at; both are None where there are too few validation images.
    """

    temperature: float
    error_before: float
    error_after: float
    decision: Decision
    set_threshold: float | None = None
    conformal: Conformal | None = None

    def measured(self, probabilities: Probabilities, targets: Targets, wanted: DecisionSettings) -> "Calibration":
        """The same, with what its sets are on the test split ``[N, classes]``."""
        if self.set_threshold is None:
            return self
        conformal = measure_sets(probabilities, targets, self.set_threshold, wanted.coverage)
        return self.model_copy(update={"conformal": conformal})


def fit_temperature(logits: NDArray[np.float32], targets: Targets, unseen: float = 1.0) -> float:
    """The temperature that logits ``[N, classes]`` are to be divided by for the least loss (Guo et al. 2017).

    As in Platt scaling (1999) the truth counts a little less than all, ``1 - unseen / (N + 2)``, and the rest goes to
    all labels alike, for what N images have not shown. Without it 20 images that are all right would make every
    answer certain: fitted on 20 answers of a classifier of letters the loss of the others was 0.31 on average and at
    worst 0.55, with it 0.17 and 0.25; on 1,000 it was 0.132 both ways (``python -m benchmarks.calibration few``).

    It is taken even where the calibration error on these few images does not fall, for that is mostly their chance: of
    50 answers of classifiers of flowers, scenery, cats and dogs, and letters the loss of the others was 0.40, 0.85,
    0.55 and 0.14 with it, 0.41, 0.86, 0.58 and 0.14 with a temperature of 1 there, and 0.43, 0.87, 0.78 and 0.22 always
    with 1. Where 1 was right already it costs a little: 1.05 in place of 1.04 on 50 answers of one of CIFAR-10.

    The loss is convex in the inverse of the temperature, so halving the interval of its slope's sign finds it.
    """
    exact = logits.astype(np.float64)
    truth, share = exact[np.arange(len(targets)), targets], unseen / (len(targets) + 2)
    wanted = float(((1 - share) * truth + share * exact.mean(axis=1)).mean())
    low, high = 1 / _MOST, 1 / _LEAST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _expected(exact, middle) > wanted else (middle, high)
    return 2 / (low + high)


def log_losses(logits: NDArray[np.float32], targets: Targets, temperature: float = 1.0) -> NDArray[np.float64]:
    """What each of N answers costs in nats: those of logits ``[N, classes]`` divided by ``temperature``."""
    # In float64, or epochs of an easy validation split would have the same loss, 0.
    scores = special.log_softmax(logits.astype(np.float64) / temperature, axis=1)
    losses: NDArray[np.float64] = -scores[np.arange(len(targets)), targets]
    return losses


def calibrate(logits: NDArray[np.float32], targets: Targets, wanted: DecisionSettings) -> Calibration:
    """Temperature and thresholds from the validation logits ``[N, classes]``."""
    temperature = fit_temperature(logits, targets)
    probabilities = softmax(logits, temperature)
    return Calibration(
        temperature=temperature,
        error_before=calibration_error(softmax(logits), targets),
        error_after=calibration_error(probabilities, targets),
        decision=choose_decision(probabilities, targets, wanted.accuracy),
        set_threshold=set_threshold(probabilities, targets, wanted.coverage),
    )


def _expected(logits: NDArray[np.float64], inverse: float) -> float:
    """The mean logit that the answers expect; less the mean wanted one it is the loss's slope by ``inverse``."""
    return float((special.softmax(inverse * logits, axis=1) * logits).sum(axis=1).mean())
