import numpy as np

from models.manifest import Decision
from training.intervals import wilson
from training.report.facts import Rate
from training.report.rows import class_rows, confusion_cells
from training.scores import score

#          a  a  a  b  b  c
TRUTHS = [0, 0, 0, 1, 1, 2]
GUESSES = [0, 1, 1, 1, 1, 1]
METRICS = score(np.eye(3, dtype=np.float32)[GUESSES], np.array(TRUTHS), ("a", "b", "c"), "test")
ACCEPTED = [Rate(1, 1, 1 / 6), Rate(5, 2, 5 / 6), Rate(0, 0, 0)]
PLAIN = Decision(threshold=0.5, accuracy=1, coverage=1)


def test_the_weakest_class_comes_first() -> None:
    rows = class_rows(METRICS, PLAIN, ACCEPTED)
    assert [(row.number, row.label) for row in rows] == [(3, "c"), (1, "a"), (2, "b")]


def test_each_class_has_its_numbers_with_their_intervals() -> None:
    third, first, second = class_rows(METRICS, PLAIN, ACCEPTED)
    assert (first.precision, first.precision_interval) == (1, wilson(1, 1))
    assert (first.recall, first.recall_interval, first.support) == (1 / 3, wilson(1, 3), 3)
    assert (second.precision_interval, second.recall_interval) == (wilson(2, 5), wilson(2, 2))
    assert [row.taken_for for row in (first, second, third)] == [("b", 2), None, ("b", 1)]
    assert third.precision_interval == (0, 1)
    assert [first.accepted, second.accepted, third.accepted] == ACCEPTED


def test_a_class_has_its_own_threshold_where_there_are_such() -> None:
    assert {row.threshold for row in class_rows(METRICS, PLAIN, ACCEPTED)} == {None}
    own = class_rows(METRICS, PLAIN.model_copy(update={"thresholds": (0.1, 0.2, 0.3)}), ACCEPTED)
    assert {row.label: row.threshold for row in own} == {"a": 0.1, "b": 0.2, "c": 0.3}


def test_cells_are_shaded_by_their_share_of_the_true_class() -> None:
    cells = [[(cell.images, cell.shade) for cell in row] for row in confusion_cells(METRICS)]
    assert cells[0] == [(1, "right-2"), (2, "wrong-5"), (0, "none")]
    assert cells[1] == [(0, "none"), (2, "right-5"), (0, "none")]
