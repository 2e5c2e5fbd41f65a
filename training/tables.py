"""Metrics as tables for a terminal."""

from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.manifest import Metrics
from training.intervals import wilson
from training.promises import Promises
from training.scores import tells_top5

if TYPE_CHECKING:  # brings scipy, which no other table needs
    from training.compare import Comparison

_WIDEST = 15
_NAMED = 5  # of more columns 80 characters do not hold the names


def totals_table(metrics: Metrics, promises: Promises | None = None) -> Table:
    """What holds for all images together, and what is kept of the promises; 80 columns are enough."""
    table = Table(metrics.split)
    for heading in ("measured", "95 % interval", "wanted"):
        table.add_column(heading, no_wrap=True)
    table.add_row("right", _share(metrics.correct, metrics.images), _interval(wilson(metrics.correct, metrics.images)))
    if tells_top5(metrics):
        table.add_row("among the best five", f"{metrics.top5_accuracy:.2%}")
    table.add_row(f"macro F1{_over(metrics)}", f"{metrics.macro_f1:.4f}")
    table.add_row("loss", f"{metrics.loss:.4f}")
    table.add_row("calibration error", f"{metrics.expected_calibration_error:.4f}")
    if metrics.uncalibrated_error is not None:
        table.add_row("before calibration", f"{metrics.uncalibrated_error:.4f}")
    if promises is not None:
        _add_promises(table, promises, metrics.images)
    return table


def _add_promises(table: Table, promises: Promises, images: int) -> None:
    accepted, candidates = promises.accepted, promises.candidates
    table.add_section()
    table.add_row("accepted", _share(accepted.images, images))
    if accepted.interval is not None:
        wanted = "" if accepted.wanted is None else f"{accepted.wanted * 100:g} %"
        rate = _share(accepted.right, accepted.images)
        table.add_row("right of the accepted", rate, _interval(accepted.interval), wanted)
    if candidates is not None:
        rate, wanted = _share(candidates.right, images), f"{candidates.wanted * 100:g} %"
        table.add_row("among the candidates", rate, _interval(candidates.interval), wanted)
        table.add_row("candidates an answer", f"{candidates.mean_size:.2f} on average")


def class_table(metrics: Metrics) -> Table:
    """One row a class; what cannot be known of one without images has a dash.

    Of many, those are left out that have no images and were never answered.
    """
    table = Table("class")
    for heading in ("precision", "recall", "F1", "images"):
        table.add_column(heading, justify="right")
    guessed = np.array(metrics.confusion_matrix).sum(axis=0).tolist()
    for entry, guesses in zip(metrics.per_class, guessed, strict=True):
        if len(guessed) > _WIDEST and not guesses and not entry.support:
            table.caption = "classes without images and answers are left out"
            continue
        known = (guesses or entry.support, entry.support, guesses or entry.support)
        rates = (entry.precision, entry.recall, entry.f1)
        cells = (f"{rate:.4f}" if seen else "-" for rate, seen in zip(rates, known, strict=True))
        table.add_row(escape(entry.label), *cells, str(entry.support))
    return table


def _over(metrics: Metrics) -> str:
    """Which classes a mean is of, where it is not all of them with images of each."""
    matrix = np.array(metrics.confusion_matrix)
    absent = int((matrix.sum(axis=1) == 0).sum())
    occur = int((matrix.sum(axis=0) + matrix.sum(axis=1) > 0).sum())
    without = occur - (len(matrix) - absent)
    if not absent:
        return ""
    return f" of {occur} classes" + (f", {without} of them without images" if without else "")


def _share(count: int, images: int) -> str:
    return f"{count / images:.2%} ({count:,} of {images:,})"


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0] * 100:.2f} - {interval[1] * 100:.2f}"


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
    numbered = len(labels) > _NAMED
    heads = [str(place) for place in range(len(labels))] if numbered else labels
    table = Table("true \\ answered", *map(escape, heads), title="confusion matrix")
    for place, (label, row) in enumerate(zip(labels, matrix, strict=True)):
        table.add_row(escape(f"{place} {label}" if numbered else label), *map(str, row))
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
        held_out = {True: "yes", False: "no", None: "not known"}[side.held_out]
        numbers = (f"{side.correct:,}", f"{side.accuracy:.2%}", _interval(side.interval), f"{alone:,}", held_out)
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
