"""What the answers to the test split say beyond the metrics: how sure, how often right, how many accepted."""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.manifest import Conformal, Decision
from training.intervals import wilson
from training.promises import accepts
from training.report.evidence import Answers

_POINTS = 200
# A share of one in three of three images is no point of a curve.
_LEAST_IMAGES = 20
_SIZES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, sys.maxsize))
_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Rate:
    """``right`` of ``images``, and the part of all images that these are; see Wilson for ``interval``."""

    images: int
    right: int
    coverage: float

    @property
    def accuracy(self) -> float:
        """0 of no images at all."""
        return self.right / self.images if self.images else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the accuracy lies at 95 % confidence."""
        return wilson(self.right, self.images)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the decision accepts of the test split, and what one threshold for all labels would.

    ``target`` is the accuracy that was asked for, ``curve`` has up to 200 thresholds in falling order, ``round_ones``
    those that people think of. ``labels`` are the accepted answers of each label.
    """

    target: float
    chosen: Rate
    labels: tuple[Rate, ...]
    curve: tuple[Rate, ...]
    round_ones: tuple[tuple[float, Rate], ...]


def acceptance(answers: Answers, decision: Decision, target: float) -> Acceptance:
    """What ``decision`` accepts, beside what other thresholds would."""
    order = np.argsort(-answers.scores, kind="stable")
    right, total = answers.right[order].cumsum(), len(order)
    least = min(_LEAST_IMAGES, total)
    counts = np.unique(np.linspace(least, total, min(_POINTS, total - least + 1)).astype(int)).tolist()
    return Acceptance(
        target,
        chosen=_rate(answers, accepts(answers.probabilities, decision)),
        labels=accepted_by_label(answers, decision),
        curve=tuple(Rate(count, int(right[count - 1]), count / total) for count in counts),
        round_ones=tuple((threshold, _rate(answers, answers.scores >= threshold)) for threshold in _THRESHOLDS),
    )


def accepted_by_label(answers: Answers, decision: Decision) -> tuple[Rate, ...]:
    """What ``decision`` accepts of the guesses of each label."""
    accepted, guesses = accepts(answers.probabilities, decision), answers.probabilities.argmax(axis=1)
    return tuple(_rate(answers, accepted & (guesses == label)) for label in range(answers.probabilities.shape[1]))


def set_sizes(answers: Answers, conformal: Conformal) -> tuple[tuple[str, Rate], ...]:
    """Of the answers with so many candidates: how many there are, and how many hold the truth."""
    inside = answers.probabilities >= np.float32(conformal.threshold)
    inside[np.arange(len(inside)), answers.probabilities.argmax(axis=1)] = True
    holds, sizes = inside[np.arange(len(inside)), answers.targets], inside.sum(axis=1)
    found = []
    for least, most in _SIZES:
        chosen = (sizes >= least) & (sizes <= most)
        if chosen.any():
            last = sizes[chosen].max()
            name = f"{least}" if least == last else f"{least} to {last}"
            found.append((name, Rate(int(chosen.sum()), int(holds[chosen].sum()), float(chosen.mean()))))
    return tuple(found)


def _rate(answers: Answers, accepted: NDArray[np.bool_]) -> Rate:
    return Rate(int(accepted.sum()), int(answers.right[accepted].sum()), float(accepted.mean()))
