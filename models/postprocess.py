"""From a row of probabilities to an answer for people."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.manifest import Manifest

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class of the top k: its place in the labels, and its calibrated probability.

    To six decimals: processors differ beyond them, and digits that mean nothing cost bytes in every answer.
    """

    label: str
    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The best guess, what to do with it, what else it may be, and the top k; both lists in falling order.

    ``candidates`` are the conformal set: as many labels as it takes to hold the right one as often as the manifest
    says, whatever the top k. None where the version has no such sets.
    """

    label: str
    score: float
    decision: Literal["accept", "review"]
    candidates: tuple[str, ...] | None
    predictions: tuple[Prediction, ...]


def answer(probabilities: Probabilities, manifest: Manifest, top_k: int) -> Answer:
    """Turn ``probabilities``, float32 ``[classes]``, into the answer; ties go to the lower index."""
    order = np.argsort(-probabilities, kind="stable")
    best = order[:top_k].tolist()
    scores = [round(score, 6) for score in probabilities[best].tolist()]
    labels = manifest.labels
    predictions = tuple(Prediction(labels[index], index, score) for index, score in zip(best, scores, strict=True))
    # Before rounding, on the scores that the thresholds were found on.
    accepted = probabilities[best[0]] >= manifest.decision.threshold_of(best[0])
    decision: Literal["accept", "review"] = "accept" if accepted else "review"
    return Answer(labels[best[0]], scores[0], decision, _candidates(probabilities, order, manifest), predictions)


def _candidates(probabilities: Probabilities, order: NDArray[np.intp], manifest: Manifest) -> tuple[str, ...] | None:
    """The labels scored at least the threshold of the conformal sets, and the best one in any case."""
    if manifest.conformal is None:
        return None
    count = max(1, np.count_nonzero(probabilities >= manifest.conformal.threshold))
    return tuple(manifest.labels[index] for index in order[:count].tolist())
