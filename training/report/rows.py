"""The rows of the report's tables: classes, and the cells of the confusion matrix."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.manifest import Decision, Metrics
from training.intervals import wilson
from training.report.facts import Rate
from training.scores import Targets

# From which share of a class' images a cell is one shade stronger; a mistake is worth seeing at one in a hundred.
_RIGHT_SHADES = (0.25, 0.5, 0.75, 0.9)
_WRONG_SHADES = (0.01, 0.03, 0.1, 0.25)


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class; ``number`` counts from 1, ``threshold`` is its own one for review where not all have the same.

    ``accepted`` are the guesses of it that are accepted, ``taken_for`` is the label that its images were most often
    taken for, and how many were.
    """

    number: int
    label: str
    precision: float
    precision_interval: tuple[float, float]
    recall: float
    recall_interval: tuple[float, float]
    f1: float
    support: int
    threshold: float | None
    accepted: Rate
    taken_for: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Cell:
    """How many images, and the name of the shade."""

    images: int
    shade: str


def class_rows(metrics: Metrics, decision: Decision, accepted: Sequence[Rate]) -> list[ClassRow]:
    """One row a class, the least F1 first: that is where work pays. ``accepted`` are the accepted guesses of each."""
    matrix = np.array(metrics.confusion_matrix)
    rows = [_class_row(metrics, decision, matrix, index, accepted[index]) for index in range(len(matrix))]
    return sorted(rows, key=lambda row: row.f1)


def confusion_cells(metrics: Metrics) -> list[list[Cell]]:
    """The confusion matrix, each cell shaded by its share of the true class."""
    return [
        [_cell(count, sum(row), right=truth == answer) for answer, count in enumerate(row)]
        for truth, row in enumerate(metrics.confusion_matrix)
    ]


def _class_row(metrics: Metrics, decision: Decision, matrix: Targets, index: int, accepted: Rate) -> ClassRow:
    entry, hits = metrics.per_class[index], int(matrix[index, index])
    mistakes = matrix[index].copy()
    mistakes[index] = 0
    other = int(mistakes.argmax())
    return ClassRow(
        number=index + 1,
        label=entry.label,
        precision=entry.precision,
        precision_interval=wilson(hits, int(matrix[:, index].sum())),
        recall=entry.recall,
        recall_interval=wilson(hits, entry.support),
        f1=entry.f1,
        support=entry.support,
        threshold=decision.thresholds[index] if decision.thresholds else None,
        accepted=accepted,
        taken_for=(metrics.per_class[other].label, int(mistakes[other])) if mistakes[other] else None,
    )


def _cell(count: int, images: int, *, right: bool) -> Cell:
    if not count:
        return Cell(0, "none")
    shades = _RIGHT_SHADES if right else _WRONG_SHADES
    return Cell(count, f"{'right' if right else 'wrong'}-{1 + bisect_right(shades, count / images)}")
