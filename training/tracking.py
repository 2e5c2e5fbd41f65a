"""Telling other tools of a run while it trains: TensorBoard, MLflow.

What the run's own folder says is complete without them. So a tool that fails to start stops the training before it
begins, and one that fails later is let go, with a word.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from models.manifest import Metrics
from training.config import Recipe
from training.progress import say
from training.run import EpochMetrics, Run
from training.tools import Tool, require_installed


class Tracker(Protocol):
    """A tool that is told of one run."""

    def epoch(self, row: EpochMetrics) -> None:
        """Take the metrics of one epoch. They come in order, those told by an earlier process once more."""

    def finish(self, metrics: Metrics, run: Run) -> None:
        """Take what the finished run reached on the test split, and what it made."""

    def close(self) -> None:
        """Let go, finished or not."""


class Tracking:
    """All tools of one run; one that fails is let go."""

    def __init__(self) -> None:
        self._trackers: list[Tracker] = []
        self._told = 0

    def add(self, tracker: Tracker) -> None:
        """Tell one more."""
        self._trackers.append(tracker)

    def epoch(self, row: EpochMetrics) -> None:
        """Tell all of one epoch, unless they know of it."""
        if row.epoch <= self._told:
            return
        self._told = row.epoch
        for tracker in list(self._trackers):
            with self._letting_go_of(tracker):
                tracker.epoch(row)

    def finish(self, metrics: Metrics, run: Run) -> None:
        """Tell all what the run reached."""
        for tracker in list(self._trackers):
            with self._letting_go_of(tracker):
                tracker.finish(metrics, run)

    def close(self) -> None:
        """Let go of all."""
        for tracker in list(self._trackers):
            with self._letting_go_of(tracker):
                tracker.close()

    @contextmanager
    def _letting_go_of(self, tracker: Tracker) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a tool raises, hours of training must not end by it
            self._trackers.remove(tracker)
            say(f"{type(tracker).__name__} is told no more of this run: {error}")


def check_tools(tools: Sequence[Tool]) -> None:
    """Raise TrackingUnavailable, which says what to do, where a tool is not installed or does not answer."""
    require_installed(tools)
    if Tool.MLFLOW in tools:
        from training.tracking_mlflow import connect

        connect()


@contextmanager
def tracked(tools: Sequence[Tool], run: Run) -> Iterator[Tracking]:
    """Tell ``tools`` of ``run``, first of the epochs that it has already."""
    tracking = Tracking()
    try:
        for tool in dict.fromkeys(tools):
            tracking.add(_open(tool, run))
        for row in run.history() if run.metrics_log.exists() else []:
            tracking.epoch(row)
        yield tracking
    finally:
        tracking.close()


def flatten(recipe: Recipe) -> dict[str, str | int | float]:
    """The values of a recipe by their dotted keys, as ``--set`` has them; a list of plain values is one text."""
    return dict(_flat(recipe.model_dump(mode="json", exclude_none=True), ""))


def final_numbers(metrics: Metrics) -> dict[str, float]:
    """The figures of the test split that are one number each, by name."""
    return {f"test_{name}": value for name, value in metrics.model_dump().items() if isinstance(value, float)}


def _flat(value: Any, key: str) -> Iterator[tuple[str, str | int | float]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        yield from _flat(dict(enumerate(value)), key)
    else:
        yield key, json.dumps(value) if isinstance(value, list) else value


def _open(tool: Tool, run: Run) -> Tracker:
    match tool:
        case Tool.TENSORBOARD:
            from training.tracking_tensorboard import TensorBoard

            return TensorBoard(run)
        case Tool.MLFLOW:
            from training.tracking_mlflow import MLflow

            return MLflow(run)
