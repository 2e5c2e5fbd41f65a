"""Metrics as tables for a terminal."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.manifest import Metrics
from training.intervals import wilson
from training.scores import tells_top5

if TYPE_CHECKING:  # brings scipy, which no other table needs
    from training.compare import Comparison

_WIDEST = 15


def metrics_table(metrics: Metrics) -> Table:
    """Totals in the title, one row a class."""
    low, high = wilson(metrics.correct, metrics.images)
    before = metrics.uncalibrated_error
    best_five = f"top-5 {metrics.top5_accuracy:.2%}, " if tells_top5(metrics) else ""
    table = Table(
        title=(
            f"{metrics.split}: {metrics.correct:,} of {metrics.images:,} right, {metrics.accuracy:.2%} "
            f"({low:.2%} to {high:.2%} at 95 %)"
        ),
        caption=(
            f"{best_five}macro F1 {metrics.macro_f1:.4f}, loss {metrics.loss:.4f}, "
            f"expected calibration error {metrics.expected_calibration_error:.4f}"
            + ("" if before is None else f", {before:.4f} before calibration")
        ),
    )
    table.add_column("class")
    for heading in ("precision", "recall", "F1", "images"):
        table.add_column(heading, justify="right")
    for entry in metrics.per_class:
        numbers = (f"{entry.precision:.4f}", f"{entry.recall:.4f}", f"{entry.f1:.4f}", str(entry.support))
        table.add_row(escape(entry.label), *numbers)
    return table


def confusion_table(metrics: Metrics) -> Table:
    """The confusion matrix of few classes, else the pairs most often confused."""
    labels = [entry.label for entry in metrics.per_class]
    matrix = metrics.confusion_matrix
    if len(labels) > _WIDEST:
        table = Table("true", "answered", "images", title="most often confused")
        pairs = [(count, i, j) for i, row in enumerate(matrix) for j, count in enumerate(row) if i != j and count]
        for count, i, j in sorted(pairs, reverse=True)[:_WIDEST]:
            table.add_row(escape(labels[i]), escape(labels[j]), str(count))
        return table
    table = Table("true \\ answered", *(escape(label) for label in labels), title="confusion matrix")
    for label, row in zip(labels, matrix, strict=True):
        table.add_row(escape(label), *map(str, row))
    return table


def comparison_table(found: "Comparison") -> Table:
    """Two models on the same images."""
    table = Table(
        title=f"{found.data}: the same {found.images:,} images", caption=f"McNemar's test: {_p(found.p_value)}"
    )
    table.add_column("model", overflow="fold")
    table.add_column("graph", no_wrap=True)
    for heading in ("right", "accuracy", "95 % interval", "right\nalone", "held\nout"):
        table.add_column(heading, justify="right", no_wrap=True)
    for side, alone in ((found.first, found.first_only), (found.second, found.second_only)):
        interval = f"{side.interval[0] * 100:.2f} - {side.interval[1] * 100:.2f}"
        held_out = {True: "yes", False: "no", None: "not known"}[side.held_out]
        numbers = (f"{side.correct:,}", f"{side.accuracy:.2%}", interval, f"{alone:,}", held_out)
        table.add_row(escape(side.subject), side.precision, *numbers)
    return table


def class_comparison_table(found: "Comparison") -> Table:
    """Each class by itself; the p-values are raised for being many."""
    table = Table("class", title="right, by class", caption="McNemar's test, raised by Holm's rule")
    for heading in ("images", "first", "second", "first\nalone", "second\nalone", "McNemar"):
        table.add_column(heading, justify="right")
    for row in found.per_class:
        counts = (row.images, row.first_correct, row.second_correct, row.first_only, row.second_only)
        table.add_row(escape(row.label), *(f"{count:,}" for count in counts), _p(row.p_value))
    return table


def _p(value: float) -> str:
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.4f}"


def show(table: Table) -> None:
    """Print a table on standard output."""
    Console().print(table)
