"""The plots of the report; each returns SVG for the page."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from training.curves import Crossover
from training.intervals import wilson
from training.report.facts import Acceptance
from training.report.svg import INK, QUIET, TRAIN, VALIDATION, WRONG, plot
from training.run import EpochMetrics
from training.scores import Bin, Targets

Quantity = Literal["loss", "accuracy"]

_FEW = 30
_MOST_CELLS = 200
_TALL = 320
# An image knows no CSS variables: these can be told from white and from black alike.
_PERCENT = FuncFormatter(lambda share, _: f"{round(100 * share, 6):g}%")
_RIGHT_CELL, _WRONG_CELL = (74, 143, 220), (226, 104, 35)


def learning_curve(
    history: Sequence[EpochMetrics], quantity: Quantity, best: EpochMetrics, turn: Crossover | None
) -> Markup:
    """Training and validation by epoch, with the best epoch and the overfitting crossover."""
    epochs = [row.epoch for row in history]
    train = [row.train_loss if quantity == "loss" else row.train_accuracy for row in history]
    validation = [row.validation_loss if quantity == "loss" else row.validation_accuracy for row in history]
    marker = "o" if len(history) <= _FEW else ""

    def draw(axes: Axes) -> None:
        axes.plot(epochs, train, color=TRAIN, linestyle="--", marker=marker, markersize=3, label="training")
        axes.plot(epochs, validation, color=VALIDATION, marker=marker, markersize=3, label="validation")
        if quantity == "loss":
            calibrated = [row.calibrated_loss for row in history]
            axes.plot(epochs, calibrated, color=VALIDATION, linestyle=":", label="validation, calibrated")
        axes.axvline(best.epoch, color=INK, linewidth=1.6, linestyle=":", zorder=3, label=f"best epoch, {best.epoch}")
        if turn:
            axes.axvspan(turn.epoch, epochs[-1], color=WRONG, alpha=0.12, linewidth=0, label="overfitting")
            axes.axvline(turn.epoch, color=WRONG, linewidth=1.2, label=f"crossover, {turn.epoch}")
        axes.set(xlabel="epoch", ylabel="loss in nats" if quantity == "loss" else "accuracy")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if quantity == "accuracy":
            axes.yaxis.set_major_formatter(_PERCENT)

    told = f"Learning curve: {quantity} by epoch for training and validation. {_ends(quantity, history)}"
    return plot(f"curve-{quantity}", told, draw)


def reliability_diagram(bins: Sequence[Bin], when: str) -> Markup:
    """How often answers were right, by their score, with Wilson's intervals; bars are how many had such a score."""

    def draw(axes: Axes) -> None:
        images, filled = sum(part.count for part in bins), [part for part in bins if part.count]
        shares, width = [part.count / images for part in bins], bins[0].high - bins[0].low
        lows = [part.low for part in bins]
        axes.bar(lows, shares, width, align="edge", color=QUIET, alpha=0.3, label="share of answers")
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle="--", linewidth=1.2, label="as sure as right")
        ends = [wilson(round(part.accuracy * part.count), part.count) for part in filled]
        scores, rates = [part.score for part in filled], [part.accuracy for part in filled]
        below = [rate - low for rate, (low, _) in zip(rates, ends, strict=True)]
        above = [high - rate for rate, (_, high) in zip(rates, ends, strict=True)]
        axes.errorbar(
            scores, rates, (below, above), color=VALIDATION, fmt="o-", markersize=4, linewidth=1.4, label="right"
        )
        axes.set(xlabel="score", ylabel="share right", xlim=(0, 1.03), ylim=(0, 1.03))
        _percent(axes)

    return plot(f"reliability-{when}", f"Reliability diagram {when} calibration; the table below has its numbers", draw)


def coverage_curve(acceptance: Acceptance) -> Markup:
    """How many of the accepted answers are right, by the share that is accepted."""
    curve, chosen = acceptance.curve, acceptance.chosen

    def draw(axes: Axes) -> None:
        coverage, rates = [point.coverage for point in curve], [point.accuracy for point in curve]
        low, high = [point.interval[0] for point in curve], [point.interval[1] for point in curve]
        axes.fill_between(coverage, low, high, color=VALIDATION, alpha=0.18, linewidth=0, label="95% confidence")
        axes.plot(coverage, rates, color=VALIDATION, label="test split")
        axes.axhline(acceptance.target, color=QUIET, linestyle="--", linewidth=1.2, label="target")
        if chosen.images:
            axes.plot([chosen.coverage], [chosen.accuracy], "D", color=WRONG, markersize=7, label="chosen")
        axes.set(xlabel="share accepted", ylabel="right among accepted", xlim=(0, 1.02))
        axes.set_ylim(min(*rates, acceptance.target) - 0.03, 1.005)
        _percent(axes)

    told = (
        f"Accuracy against coverage on the test split: of all answers {curve[-1].accuracy:.1%} are right; as chosen, "
        f"{chosen.coverage:.1%} are accepted, and {chosen.accuracy:.1%} of these are right"
    )
    return plot("coverage", told, draw)


def heat_map(matrix: Targets) -> Markup:
    """The confusion matrix ``[true, predicted]`` of many classes; each row is its class' share of answers."""
    shares = _shrink(matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))
    # The root and the floor let a confusion of one in a hundred be seen beside the diagonal.
    image = np.zeros((*shares.shape, 4), np.uint8)
    image[:, :, :3] = np.where(np.eye(len(shares), dtype=bool)[:, :, None], _RIGHT_CELL, _WRONG_CELL)
    image[:, :, 3] = np.where(shares > 0, np.rint(75 + 180 * np.sqrt(np.minimum(shares, 1))), 0)

    def draw(axes: Axes) -> None:
        side = len(matrix)
        axes.imshow(image, interpolation="none", extent=(0.5, side + 0.5, side + 0.5, 0.5))
        axes.set(xlabel="number of the answered class", ylabel="number of the true class")
        axes.grid(visible=False)

    told = f"Confusion matrix of {len(matrix)} classes as a heat map; the table of classes has its numbers"
    return plot("confusion", told, draw, height=_TALL)


def _shrink(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean row of neighbouring classes, where there are too many for one cell each."""
    step = -(-len(shares) // _MOST_CELLS)
    starts = np.arange(0, len(shares), step)
    columns = np.add.reduceat(shares, starts, axis=1)
    counts = np.diff([*starts, len(shares)])[:, None]
    return np.add.reduceat(columns, starts, axis=0) / counts


def _percent(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.yaxis.set_major_formatter(_PERCENT)


def _ends(quantity: Quantity, history: Sequence[EpochMetrics]) -> str:
    first, last = history[0], history[-1]
    if quantity == "loss":
        return (
            f"Training went from {first.train_loss:.3f} to {last.train_loss:.3f}, "
            f"validation from {first.validation_loss:.3f} to {last.validation_loss:.3f}."
        )
    return (
        f"Training went from {first.train_accuracy:.1%} to {last.train_accuracy:.1%}, "
        f"validation from {first.validation_accuracy:.1%} to {last.validation_accuracy:.1%}."
    )
