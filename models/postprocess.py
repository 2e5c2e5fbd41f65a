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
    """The best guess, what to do with it, and the top k in falling order."""

    label: str
    score: float
    decision: Literal["accept", "review"]
    predictions: tuple[Prediction, ...]


def answer(probabilities: Probabilities, manifest: Manifest, top_k: int) -> Answer:
    """Turn ``probabilities``, float32 ``[classes]``, into the answer; ties go to the lower index."""
    order = np.argsort(-probabilities, kind="stable")[:top_k].tolist()
    scores = [round(score, 6) for score in probabilities[order].tolist()]
    labels = manifest.labels
    predictions = tuple(Prediction(labels[index], index, score) for index, score in zip(order, scores, strict=True))
    best = predictions[0]
    accepted = probabilities[order[0]] >= manifest.decision.threshold
    return Answer(best.label, best.score, "accept" if accepted else "review", predictions)
