"""What a model promises of its answers, and what it keeps of that on images whose labels are known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.manifest import Conformal, Decision, Fraction, Strict
from models.postprocess import Probabilities
from training.conformal import measure_sets
from training.intervals import wilson
from training.scores import Targets

Interval = tuple[Fraction, Fraction]


class Accepted(Strict):
    """The answers that are accepted: how many ``images``, which ``share`` of all, and how many of these are ``right``.

    ``wanted`` is the ``accuracy`` that was asked for, None where an older version does not say; the accuracy and where
    it lies at 95 % confidence are None where nothing is accepted.
    """

    wanted: Fraction | None
    images: int = Field(ge=0)
    share: Fraction
    right: int = Field(ge=0)
    accuracy: Fraction | None
    interval: Interval | None


class Candidates(Strict):
    """How many images have their label among the candidates, and the ``coverage`` that this is, beside the ``wanted``.

    ``interval`` is where the coverage lies at 95 % confidence, ``mean_size`` how many candidates an answer has.
    """

    wanted: Fraction
    right: int = Field(ge=0)
    coverage: Fraction
    interval: Interval
    mean_size: float = Field(ge=1)


class Promises(Strict):
    """What is kept of both promises; ``candidates`` is None for a model that gives none."""

    accepted: Accepted
    candidates: Candidates | None


def measure_promises(
    probabilities: Probabilities, targets: Targets, decision: Decision, conformal: Conformal | None
) -> Promises:
    """What ``probabilities`` ``[N, classes]`` keep, where ``targets`` ``[N]`` are the truth."""
    return Promises(
        accepted=_accepted(probabilities, targets, decision),
        candidates=None if conformal is None else _candidates(probabilities, targets, conformal),
    )


def accepts(probabilities: Probabilities, decision: Decision) -> NDArray[np.bool_]:
    """Of which of N answers ``[N, classes]`` the decision is to accept them, as the service decides."""
    thresholds: Sequence[float] = decision.thresholds or (decision.threshold,) * probabilities.shape[1]
    wanted = np.asarray(thresholds, np.float32)[probabilities.argmax(axis=1)]
    accepted: NDArray[np.bool_] = probabilities.max(axis=1) >= wanted
    return accepted


def _accepted(probabilities: Probabilities, targets: Targets, decision: Decision) -> Accepted:
    chosen = accepts(probabilities, decision)
    count, right = int(chosen.sum()), int((probabilities.argmax(axis=1) == targets)[chosen].sum())
    return Accepted(
        wanted=decision.target,
        images=count,
        share=count / len(targets),
        right=right,
        accuracy=right / count if count else None,
        interval=wilson(right, count) if count else None,
    )


def _candidates(probabilities: Probabilities, targets: Targets, conformal: Conformal) -> Candidates:
    found = measure_sets(probabilities, targets, conformal.threshold, conformal.coverage)
    right = round(found.test_coverage * len(targets))
    return Candidates(
        wanted=conformal.coverage,
        right=right,
        coverage=found.test_coverage,
        interval=wilson(right, len(targets)),
        mean_size=found.mean_size,
    )
