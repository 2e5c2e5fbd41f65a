"""Numbers about answers: from probabilities and truths to what the manifest states. No torch, no files."""

import numpy as np
from numpy.typing import NDArray

from models.manifest import ClassMetrics, Metrics
from models.postprocess import Probabilities

Targets = NDArray[np.int64]

_BINS = 15
# Below float32's smallest: a probability of exactly 0 for the truth costs 104 nats, not infinity.
_LEAST = 2.0**-150


def score(probabilities: Probabilities, targets: Targets, labels: tuple[str, ...], split: str) -> Metrics:
    """All metrics of ``probabilities`` ``[N, classes]`` against ``targets`` ``[N]``; ties go to the lower index.

    Top-5 is top-1 of fewer classes where there are fewer; a class that was never predicted has the precision 0.
    Macro F1 is the mean over the classes that an image shows or was taken for, as scikit-learn has it.
    """
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(predicted, targets, len(labels))
    per_class = tuple(_of_class(matrix, index, label) for index, label in enumerate(labels))
    occurs = (matrix.sum(axis=0) + matrix.sum(axis=1) > 0).tolist()
    correct = int(np.trace(matrix))
    truth = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :5]
    return Metrics(
        split=split,
        images=len(targets),
        correct=correct,
        accuracy=correct / len(targets),
        top5_accuracy=float((best == targets[:, None]).any(axis=1).mean()),
        loss=float(-np.log(np.maximum(truth, _LEAST)).mean()),
        macro_f1=float(np.mean([entry.f1 for entry, seen in zip(per_class, occurs, strict=True) if seen])),
        expected_calibration_error=calibration_error(probabilities, targets),
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
    scores = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == targets
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, weights=right - scores, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(targets))


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
