"""Metrics as tables for a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.manifest import Metrics

_WIDEST = 15


def metrics_table(metrics: Metrics) -> Table:
    """Totals in the title, one row a class."""
    table = Table(
        title=f"{metrics.split}: {metrics.correct:,} of {metrics.images:,} right, {metrics.accuracy:.2%}",
        caption=(
            f"top-5 {metrics.top5_accuracy:.2%}, macro F1 {metrics.macro_f1:.4f}, loss {metrics.loss:.4f}, "
            f"expected calibration error {metrics.expected_calibration_error:.4f}"
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


def show(table: Table) -> None:
    """Print a table on standard output."""
    Console().print(table)
