"""Numbers about answers: from probabilities and truths to what the manifest states. No torch, no files."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.manifest import ClassMetrics, Metrics
from models.postprocess import Probabilities
from training.intervals import wilson

Targets = NDArray[np.int64]

_BINS = 15
_BEST = 5
# Below float32's smallest: a probability of exactly 0 for the truth costs 104 nats, not infinity.
_LEAST = 2.0**-150


@dataclass(frozen=True, slots=True)
class Bin:
    """The best guesses scored from ``low`` up to ``high``: how many, their mean ``score``, and the share that is right.

    Of a bin without any, ``score`` is the middle and ``accuracy`` 0.
    """

    low: float
    high: float
    count: int
    score: float
    accuracy: float


def score(
    probabilities: Probabilities,
    targets: Targets,
    labels: tuple[str, ...],
    split: str,
    temperature: float | None = None,
) -> Metrics:
    """All metrics of ``probabilities`` ``[N, classes]`` against ``targets`` ``[N]``; ties go to the lower index.

    Top-5 is top-1 of fewer classes where there are fewer; a class that was never predicted has the precision 0.
    Macro F1 is the mean over the classes that an image shows or was taken for, as scikit-learn has it. With the
    ``temperature`` that is in the probabilities, the calibration error without it is stated too.
    """
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(predicted, targets, len(labels))
    per_class = tuple(_of_class(matrix, index, label) for index, label in enumerate(labels))
    occurs = (matrix.sum(axis=0) + matrix.sum(axis=1) > 0).tolist()
    correct = int(np.trace(matrix))
    truth = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :_BEST]
    plain = None if temperature is None else without_temperature(probabilities, temperature)
    return Metrics(
        split=split,
        images=len(targets),
        correct=correct,
        accuracy=correct / len(targets),
        accuracy_interval=wilson(correct, len(targets)),
        top5_accuracy=float((best == targets[:, None]).any(axis=1).mean()),
        loss=float(-np.log(np.maximum(truth, _LEAST)).mean()),
        macro_f1=float(np.mean([entry.f1 for entry, seen in zip(per_class, occurs, strict=True) if seen])),
        expected_calibration_error=calibration_error(probabilities, targets),
        uncalibrated_error=None if plain is None else calibration_error(plain, targets),
        per_class=per_class,
        confusion_matrix=tuple(tuple(row) for row in matrix.tolist()),
    )


def confusion_matrix(predicted: Targets, targets: Targets, classes: int) -> Targets:
    """Counts ``[true, predicted]``."""
    return np.bincount(targets * classes + predicted, minlength=classes**2).reshape(classes, classes)


def calibration_error(probabilities: Probabilities, targets: Targets) -> float:
    """Expected calibration error in 15 bins of equal width (Guo et al. 2017, arXiv:1706.04599).

    How far, on average, the score of a best guess is from the share of such guesses that are right.
    """
    gaps = (part.count * abs(part.accuracy - part.score) for part in reliability(probabilities, targets))
    return sum(gaps) / len(targets)


def reliability(probabilities: Probabilities, targets: Targets) -> list[Bin]:
    """The 15 bins of a reliability diagram, which are those of the expected calibration error."""
    scores = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == targets
    places = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    bins = []
    for place in range(_BINS):
        inside = places == place
        count = int(inside.sum())
        mean = float(scores[inside].mean()) if count else (place + 0.5) / _BINS
        share = float(right[inside].mean()) if count else 0.0
        bins.append(Bin(place / _BINS, (place + 1) / _BINS, count, mean, share))
    return bins


def tells_top5(metrics: Metrics) -> bool:
    """Whether top-5 says anything: of fewer than ten classes, the best five are more than half of all."""
    return len(metrics.per_class) >= 2 * _BEST


def without_temperature(probabilities: Probabilities, temperature: float) -> Probabilities:
    """The probabilities that the same logits give at a temperature of 1.

    The logarithms of the probabilities are the logits over the temperature, up to a constant of each row.
    """
    return softmax(np.log(np.maximum(probabilities, _LEAST, dtype=np.float64)), 1 / temperature)


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> Probabilities:
    """Probabilities of ``logits / temperature``, row by row."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: Probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def _of_class(matrix: Targets, index: int, label: str) -> ClassMetrics:
    hits = int(matrix[index, index])
    predicted, support = int(matrix[:, index].sum()), int(matrix[index].sum())
    return ClassMetrics(
        label=label,
        precision=hits / predicted if predicted else 0.0,
        recall=hits / support if support else 0.0,
        f1=2 * hits / (predicted + support) if predicted + support else 0.0,
        support=support,
    )
