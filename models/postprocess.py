"""From a row of probabilities to an answer for people."""

from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from operator import itemgetter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.manifest import Manifest

Probabilities = NDArray[np.float32]

_MANY = 50  # classes, from which on NumPy finds the best ones faster


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
    ranked, labels = _ranked(probabilities, manifest, top_k), manifest.labels
    predictions = tuple(Prediction(labels[index], index, round(score, 6)) for index, score in ranked[:top_k])
    best, score = ranked[0]
    # Before rounding to six decimals, on the scores that the thresholds were found on.
    accepted = score >= _float32(manifest.decision.threshold_of(best))
    decision: Literal["accept", "review"] = "accept" if accepted else "review"
    return Answer(labels[best], predictions[0].score, decision, _candidates(ranked, manifest), predictions)


def _ranked(probabilities: Probabilities, manifest: Manifest, top_k: int) -> list[tuple[int, float]]:
    """Index and score of the ``top_k`` classes, and of all that may be candidates, the best first."""
    if len(probabilities) <= _MANY:
        return sorted(enumerate(probabilities.tolist()), key=itemgetter(1), reverse=True)
    count = min(top_k, len(probabilities))
    least = np.partition(probabilities, -count)[-count]
    if manifest.conformal is not None:
        least = min(least, np.float32(manifest.conformal.threshold))
    found = np.flatnonzero(probabilities >= least)
    order = np.argsort(-probabilities[found], kind="stable")
    return list(zip(found[order].tolist(), probabilities[found][order].tolist(), strict=True))


def _candidates(ranked: list[tuple[int, float]], manifest: Manifest) -> tuple[str, ...] | None:
    """The labels scored at least the threshold of the conformal sets, and the best one in any case."""
    if manifest.conformal is None:
        return None
    least = _float32(manifest.conformal.threshold)
    others = takewhile(lambda each: each[1] >= least, ranked[1:])
    return tuple(manifest.labels[index] for index, _ in (ranked[0], *others))


@cache
def _float32(threshold: float) -> float:
    """As scores are: float32, whose nearest value may be on the other side of what is written in decimals."""
    return float(np.float32(threshold))
