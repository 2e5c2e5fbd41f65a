"""Folders of finished runs that nothing was trained for: every file that a report reads, made up."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from models.manifest import Start
from tests.training.support import tiny_recipe
from training.calibrate import calibrate
from training.data.check.facts import DataCheck
from training.data.samples import Sample
from training.data.splits import SplitRecord, Splits
from training.report.evidence import keep
from training.run import EpochMetrics, Run, RunInfo, write_lines, write_model
from training.scores import Targets, score, softmax

START = Start(
    at=datetime(2026, 11, 1, tzinfo=UTC),
    git_commit="c0ffee",
    packages={"torch": "2"},
    hardware="paper",
    precision="32-true",
    processes=1,
    threads=2,
)


@dataclass
class Noise:
    """As much of a data set as evidence is gathered from; ``source`` is itself."""

    labels: tuple[str, ...]
    samples: list[Sample]
    pixels: np.ndarray
    targets: Targets

    @property
    def source(self) -> "Noise":
        return self

    @property
    def splits(self) -> Splits:
        rows = np.arange(len(self.targets))
        return Splits(rows, rows, rows, {})


def noise(labels: tuple[str, ...], targets: Targets, key: str = "image {}.png") -> Noise:
    """A test image of noise for each of ``targets``."""
    samples = [Sample(key.format(row), int(label), "test") for row, label in enumerate(targets)]
    pixels = np.random.default_rng(2).integers(0, 256, (len(targets), 16, 16, 3), dtype=np.uint8)
    return Noise(labels, samples, pixels, targets)


def history(*losses: tuple[float, float]) -> list[EpochMetrics]:
    """One epoch for each pair of training and validation loss."""
    return [
        EpochMetrics(
            epoch=number,
            learning_rate=0.1,
            train_loss=train,
            train_accuracy=1 / (1 + train),
            validation_loss=validation,
            calibrated_loss=validation,
            loss_error=0,
            validation_accuracy=1 / (1 + validation),
            seconds=2,
        )
        for number, (train, validation) in enumerate(losses, 1)
    ]


def data_check(**changes: object) -> DataCheck:
    """A check that found nothing; ``changes`` are what it found."""
    nothing = DataCheck(
        source="drawings",
        images=2,
        unreadable=0,
        labels=("a", "b"),
        per_class=(1, 1),
        counts={},
        drawn=(),
        widths=None,
        heights=None,
        formats={},
        modes={},
        overlaps=(),
        findings=(),
    )
    return nothing.model_copy(update=changes)


def made_up_run(
    folder: Path,
    labels: tuple[str, ...],
    *changes: str,
    each: int = 20,
    key: str = "image {}.png",
    epochs: list[EpochMetrics] | None = None,
) -> Run:
    """A finished run with ``each`` test images a class, about four of five recognised, of noise as pixels."""
    run, recipe, rng = Run(folder / "run"), tiny_recipe(folder, *changes), np.random.default_rng(0)
    classes, total = len(labels), each * len(labels)
    run.begin(
        recipe,
        RunInfo(recipe_name="made-up", data_path=None, parameters=8_523, starts=(START,)),
    )
    targets = np.repeat(np.arange(classes), each)
    logits = rng.normal(0, 1, (total, classes)).astype(np.float32)
    logits[np.arange(total), np.where(rng.random(total) < 0.2, (targets + 1) % classes, targets)] += 5
    calibration = calibrate(logits, targets, recipe.decision)
    probabilities = softmax(logits, calibration.temperature)
    images = noise(labels, targets, key)
    write_model(run.splits_file, _record(labels, images.samples))
    write_lines(run.metrics_log, epochs or history((1.0, 1.1), (0.5, 0.6), (0.2, 0.7), (0.1, 0.9)))
    write_model(run.calibration_file, calibration.measured(probabilities, targets, recipe.decision))
    keep(run, images, probabilities)
    run.graph.write_bytes(b"not opened")
    write_model(run.metrics_file, score(probabilities, targets, labels, "test", calibration.temperature))
    return run


def _record(labels: tuple[str, ...], samples: list[Sample]) -> SplitRecord:
    keys = tuple(sample.key for sample in samples)
    return SplitRecord(
        source="drawings",
        labels=labels,
        fingerprints=dict.fromkeys(("train", "validation", "test"), "00"),
        duplicates={"train": 3, "validation": 0},
        unreadable=("broken.png",),
        keys={"train": keys, "validation": keys, "test": keys},
    )
