import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from training.scores import score
from training.tables import confusion_table, metrics_table


def rendered(table: Table) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    metrics = score(np.eye(2, dtype=np.float32), np.array([0, 1]), ("[bold]a", "b"), "test")
    assert "[bold]a" in rendered(metrics_table(metrics))
    assert "[bold]a" in rendered(confusion_table(metrics))


def test_of_many_classes_the_worst_confusions_are_shown() -> None:
    labels = tuple(f"class{number}" for number in range(20))
    answers = np.eye(20, dtype=np.float32)[[3, 3, 3, 5, *range(20)]]
    targets = np.array([7, 7, 7, 6, *range(20)])
    rows = rendered(confusion_table(score(answers, targets, labels, "test"))).splitlines()
    shown = [row.split() for row in rows if "class" in row and "│" in row]
    assert [[row[1], row[3], row[5]] for row in shown] == [["class7", "class3", "3"], ["class6", "class5", "1"]]


@pytest.mark.parametrize(("classes", "shown"), [(5, False), (6, True)])
def test_the_best_five_count_where_there_are_more(classes: int, shown: bool) -> None:
    labels = tuple(f"class {number}" for number in range(classes))
    metrics = score(np.eye(classes, dtype=np.float32), np.arange(classes), labels, "test")
    assert ("top-5" in rendered(metrics_table(metrics))) == shown


def test_the_accuracy_has_its_interval_and_the_calibration_error_what_it_was() -> None:
    answers, targets = np.tile(np.array([[0.7, 0.3]], np.float32), (100, 1)), np.repeat([0, 1], [90, 10])
    shown = rendered(metrics_table(score(answers, targets, ("a", "b"), "test", temperature=2)))
    assert "90 of 100 right, 90.00% (82.56% to 94.48% at 95 %)" in " ".join(shown.split())
    assert "error 0.2000, 0.0552 before calibration" in " ".join(shown.split())
