"""What calibration changed on the test split, and whether that may be chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.postprocess import Probabilities
from training.report.evidence import Answers
from training.scores import Targets, calibration_error

# Of the normal distribution 5 % is further from the middle, on both sides together.
_BEYOND_CHANCE = 1.96
_LEAST = 2.0**-150


@dataclass(frozen=True, slots=True)
class Gain:
    """The loss in nats and the expected calibration error at a temperature of 1 and at the one that was chosen.

    ``loss_deviation`` is the standard error of the difference of the losses, measured image by image.
    """

    loss_before: float
    loss_after: float
    loss_deviation: float
    error_before: float
    error_after: float

    @property
    def is_chance(self) -> bool:
        """Whether so many images may show the difference of the losses by chance, at 95 % confidence."""
        return abs(self.loss_after - self.loss_before) <= _BEYOND_CHANCE * self.loss_deviation

    @property
    def helped(self) -> bool:
        """Whether neither of both is higher than before."""
        return self.loss_after <= self.loss_before and self.error_after <= self.error_before


def calibration_gain(plain: Probabilities, answers: Answers) -> Gain:
    """Compare ``answers`` with the ``plain`` probabilities ``[N, classes]`` that a temperature of 1 gives."""
    before, after = (_losses(each, answers.targets) for each in (plain, answers.probabilities))
    return Gain(
        loss_before=float(before.mean()),
        loss_after=float(after.mean()),
        loss_deviation=float((after - before).std() / len(before) ** 0.5),
        error_before=calibration_error(plain, answers.targets),
        error_after=calibration_error(answers.probabilities, answers.targets),
    )


def _losses(probabilities: Probabilities, targets: Targets) -> NDArray[np.float64]:
    truth = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    losses: NDArray[np.float64] = -np.log(np.maximum(truth, _LEAST))
    return losses
