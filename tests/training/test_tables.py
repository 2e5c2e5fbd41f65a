import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from models.manifest import ACCEPTS_NOTHING, Conformal, Decision
from training.promises import measure_promises
from training.scores import score
from training.tables import class_table, confusion_table, totals_table


def rendered(table: Table, width: int = 160) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def rows(table: Table, width: int = 160) -> list[list[str]]:
    lines = [line for line in rendered(table, width).splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    metrics = score(np.eye(2, dtype=np.float32), np.array([0, 1]), ("[bold]a", "b"), "test")
    assert "[bold]a" in rendered(class_table(metrics))
    assert "[bold]a" in rendered(confusion_table(metrics))


def test_of_more_than_five_classes_the_columns_are_numbered() -> None:
    for count, heads in ((5, [f"class{number}" for number in range(5)]), (10, [str(number) for number in range(10)])):
        labels = tuple(f"class{number}" for number in range(count))
        table = confusion_table(score(np.eye(count, dtype=np.float32), np.arange(count), labels, "test"))
        assert [str(column.header) for column in table.columns] == ["true \\ answered", *heads]
        assert rows(table, width=80)[-1][0] == (f"class{count - 1}" if count == 5 else f"{count - 1} class{count - 1}")


def test_of_many_classes_the_worst_confusions_are_shown() -> None:
    labels = tuple(f"class{number}" for number in range(20))
    answers = np.eye(20, dtype=np.float32)[[3, 3, 3, 5, *range(20)]]
    targets = np.array([7, 7, 7, 6, *range(20)])
    rows = rendered(confusion_table(score(answers, targets, labels, "test"))).splitlines()
    shown = [row.split() for row in rows if "class" in row and "│" in row]
    assert [[row[1], row[3], row[5]] for row in shown] == [["class7", "class3", "3"], ["class6", "class5", "1"]]


@pytest.mark.parametrize(("classes", "shown"), [(9, False), (10, True)])
def test_the_best_five_count_where_there_are_many_more(classes: int, shown: bool) -> None:
    labels = tuple(f"class {number}" for number in range(classes))
    metrics = score(np.eye(classes, dtype=np.float32), np.arange(classes), labels, "test")
    assert ("best five" in rendered(totals_table(metrics))) == shown


def test_totals_and_promises_fit_into_a_terminal() -> None:
    answers, targets = np.tile(np.array([[0.7, 0.3]], np.float32), (10_000, 1)), np.repeat([0, 1], [9000, 1000])
    metrics = score(answers, targets, ("a", "b"), "not known to be held out", temperature=2)
    decision = Decision(threshold=0.6, accuracy=1, coverage=1, target=0.95)
    sets = Conformal(coverage=0.975, threshold=0.2, test_coverage=1, mean_size=2)
    table = totals_table(metrics, measure_promises(answers, targets, decision, sets))
    assert rows(table, width=80) == [
        ["right", "90.00% (9,000 of 10,000)", "89.40 - 90.57", ""],
        ["macro F1", "0.4737", "", ""],
        ["loss", "0.4414", "", ""],
        ["calibration error", "0.2000", "", ""],
        ["before calibration", "0.0552", "", ""],
        ["accepted", "100.00% (10,000 of 10,000)", "", ""],
        ["right of the accepted", "90.00% (9,000 of 10,000)", "89.40 - 90.57", "95 %"],
        ["among the candidates", "100.00% (10,000 of 10,000)", "99.96 - 100.00", "97.5 %"],
        ["candidates an answer", "2.00 on average", "", ""],
    ]


def test_where_nothing_is_accepted_and_there_are_no_candidates_nothing_is_said_of_them() -> None:
    answers, targets = np.eye(2, dtype=np.float32), np.array([0, 1])
    nothing = Decision(threshold=ACCEPTS_NOTHING, accuracy=0, coverage=0)
    table = totals_table(score(answers, targets, ("a", "b"), "test"), measure_promises(answers, targets, nothing, None))
    assert rows(table)[-1] == ["accepted", "0.00% (0 of 2)", "", ""]


def test_of_classes_without_images_it_says_so() -> None:
    answers = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    metrics = score(answers, np.array([0, 0, 1, 1]), ("a", "b", "c", "d"), "test")
    assert rows(class_table(metrics)) == [
        ["a", "1.0000", "1.0000", "1.0000", "2"],
        ["b", "1.0000", "0.5000", "0.6667", "2"],
        ["c", "0.0000", "-", "0.0000", "0"],
        ["d", "-", "-", "-", "0"],
    ]
    assert rows(totals_table(metrics))[1][0] == "macro F1 of 3 classes, 1 of them without images"


def test_of_many_classes_those_are_left_out_of_which_nothing_is_known() -> None:
    labels = tuple(f"class {number}" for number in range(100))
    answers = np.eye(100, dtype=np.float32)[[7, 8]]
    table = rendered(class_table(score(answers, np.array([7, 9]), labels, "test")))
    assert [number for number in range(100) if f"class {number} " in table] == [7, 8, 9]
    assert "classes without images and answers are left out" in " ".join(table.split())
