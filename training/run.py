"""The folder of one training run: what is in it, and that none of it is ever half written.

recipe.json   what was asked for               last.pt       the last finished epoch, to go on from
run.json      on what, with what, from where   best.pt       the best epoch
splits.json   which image is in which split    model.onnx    the exported graph
learnt.json   what it has learnt from, and what the weights did that it began with
metrics.jsonl one line an epoch                calibration.json, metrics.json, golden/
check.json    what was found out about the data, contact-sheet.jpg some images of each class
test.npz      the answers to the test split    evidence.json what else report.html is made of
variants.json what the graphs of lower precision are: model.fp16.onnx, test.fp16.npz, evidence.fp16.json, ...
"""

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from models.layout import graph_file
from models.manifest import Fraction, Metrics, Origin, Precision, Start, Strict
from training.calibrate import Calibration
from training.config import Recipe
from training.data.check.facts import DataCheck
from training.data.splits import SplitRecord
from training.errors import RunUnusable
from training.formats import complaint
from training.variants.facts import Variants

Model = TypeVar("Model", bound=Strict)


class EpochMetrics(Strict):
    """One line of ``metrics.jsonl``. Losses are in nats; those of training are of augmented images.

    ``calibrated_loss`` is the validation loss at the temperature that fits this epoch best, as the network would answer
    in service. It chooses the epoch: by the plain one an epoch of better answers loses against one that is less sure of
    them (Guo et al. 2017). ``loss_error`` is its standard error, as it is measured on so many images and no more.

    ``learning_rate`` is the one of the epoch's last step, ``seconds`` the time of training and validation.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: Fraction
    validation_loss: float
    calibrated_loss: float
    loss_error: float
    validation_accuracy: Fraction
    seconds: float


def least_loss(history: Sequence[EpochMetrics]) -> EpochMetrics | None:
    """The epoch of the least calibrated loss on validation, the earliest of equals; None before the first."""
    return min(history, key=lambda row: row.calibrated_loss, default=None)


def best_epoch(history: Sequence[EpochMetrics]) -> EpochMetrics | None:
    """The last epoch that validation cannot tell from the one of the least loss; None before the first.

    Its loss is at most one standard error of the least above that. The yardstick is the one of Breiman et al. (1984,
    "Classification and Regression Trees", 3.4.3), who take the simplest model within it; here it is the last, which
    has learned at lower rates and averaged more weights. As all epochs answer the same images, their difference is
    known better than the loss of each: the rule favours late epochs, the more so the fewer the images are. Chosen on
    200 images, the epoch is right on 93.95 % of others, that of the least loss on 93.78 (``fashion-mnist``), or on
    95.32 and 95.22 % (``letters``); but where the rate does not fall, on 67.3 and 68.1 % (``cifar10-tutorial-a``,
    fifteen epochs; ``python -m benchmarks.epochs``).
    """
    least = least_loss(history)
    if least is None:
        return None
    most = least.calibrated_loss + least.loss_error
    return next(row for row in reversed(history) if row.calibrated_loss <= most)


class RunInfo(Strict):
    """``run.json``: what the run is made from, and what with at each of its starts, of which there is at least one.

    ``parameters`` is how many its network has, ``origin`` the weights that it began with where they were not random;
    older runs did not note them.
    """

    recipe_name: str
    data_path: str | None
    parameters: int
    origin: Origin | None = None
    starts: tuple[Start, ...] = Field(min_length=1)

    @property
    def first(self) -> Start:
        """The start that chose weights and splits."""
        return self.starts[0]

    def trained(self, epochs: int) -> tuple[Start, ...]:
        """The starts that trained some of the ``epochs`` that are done by now; before there are any, the last one.

        A start trains none where it is killed early, or where nothing but the end was left to do.
        """
        ends = (*(start.epochs for start in self.starts[1:]), epochs)
        return tuple(start for start, end in zip(self.starts, ends, strict=True) if end > start.epochs) or (
            self.starts[-1],
        )

    def hardware(self, epochs: int) -> str:
        """All that trained the ``epochs`` that are done, in its order."""
        return ", then ".join(dict.fromkeys(start.hardware for start in self.trained(epochs)))

    def commits(self, epochs: int) -> tuple[str, ...]:
        """The commits that trained the ``epochs`` that are done, in their order, as far as they are known."""
        return tuple(dict.fromkeys(start.git_commit for start in self.trained(epochs) if start.git_commit))


class Run:
    """The paths and the reading and writing of a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe_file = folder / "recipe.json"
        self.info_file = folder / "run.json"
        self.splits_file = folder / "splits.json"
        self.learnt_file = folder / "learnt.json"
        self.check_file = folder / "check.json"
        self.sheet_file = folder / "contact-sheet.jpg"
        self.metrics_log = folder / "metrics.jsonl"
        self.last = folder / "last.pt"
        self.best = folder / "best.pt"
        self.graph = folder / graph_file("fp32")
        self.calibration_file = folder / "calibration.json"
        self.metrics_file = folder / "metrics.json"
        self.variants_file = folder / "variants.json"
        self.report_file = folder / "report.html"
        self.mlflow_file = folder / "mlflow-run-id"
        self.golden = folder / "golden"
        self.cache = folder / "cache"

    def answers_file(self, precision: Precision = "fp32") -> Path:
        """Where the answers of one of the graphs to the test split are."""
        return self.folder / ("test.npz" if precision == "fp32" else f"test.{precision}.npz")

    def evidence_file(self, precision: Precision = "fp32") -> Path:
        """Where the mistakes of one of the graphs are."""
        return self.folder / ("evidence.json" if precision == "fp32" else f"evidence.{precision}.json")

    @property
    def exists(self) -> bool:
        """Whether the folder holds a run, however far it came."""
        return self.recipe_file.exists()

    @property
    def has_learned(self) -> bool:
        """Whether an epoch was finished."""
        return any(path.exists() for path in (self.last, self.metrics_log, self.metrics_file))

    def begin(self, recipe: Recipe, info: RunInfo) -> None:
        """Make the folder and save what was asked for, and with what; a run there that has not learned is forgotten."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.recipe_file, self.splits_file, self.learnt_file, self.check_file, self.mlflow_file):
            path.unlink(missing_ok=True)
        self.note(info)
        write_text(self.recipe_file, recipe.model_dump_json(indent=2) + "\n")  # last: its presence makes it a run

    def note(self, info: RunInfo) -> None:
        """Save what the run is made from and with."""
        write_text(self.info_file, info.model_dump_json(indent=2) + "\n")

    def recipe(self) -> Recipe:
        """The recipe of the run; raises RunUnusable when there is no run in the folder, or one that cannot be read."""
        return self.load(Recipe, self.recipe_file)

    def info(self) -> RunInfo:
        """What the run is made from and with."""
        return self.load(RunInfo, self.info_file)

    def splits(self) -> SplitRecord:
        """Which image is in which split."""
        return self.load(SplitRecord, self.splits_file)

    def check(self) -> DataCheck | None:
        """What was found out about the data; None before it was looked at."""
        return self.load(DataCheck, self.check_file) if self.check_file.exists() else None

    def calibration(self, precision: Precision = "fp32") -> Calibration:
        """What calibration found for one of the graphs; raises RunUnusable when the run is not finished."""
        if precision == "fp32":
            return self.load(Calibration, self.calibration_file)
        return self.variants().of(precision).calibration

    def metrics(self, precision: Precision = "fp32") -> Metrics:
        """What one of the graphs reached on the test split; raises RunUnusable when the run is not finished."""
        if precision == "fp32":
            return self.load(Metrics, self.metrics_file)
        return self.variants().of(precision).metrics

    def variants(self) -> Variants:
        """The graphs of lower precision; none before any was made."""
        if not self.variants_file.exists():
            return Variants()
        return self.load(Variants, self.variants_file)

    def history(self) -> list[EpochMetrics]:
        """The metrics of all finished epochs."""
        lines = self.read(self.metrics_log).splitlines()
        return [_parse(EpochMetrics, line, self.metrics_log) for line in lines]

    def load(self, kind: type[Model], path: Path) -> Model:
        """What one of the run's files of JSON says; raises RunUnusable when it is not there, or cannot be read."""
        return _parse(kind, self.read(path), path)

    def read(self, path: Path) -> str:
        """The text of one of the run's files; raises RunUnusable when it is not there, or none."""
        try:
            return path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError) as error:
            what = "no run" if path == self.recipe_file else f"no {path.name}: the run is not finished"
            raise RunUnusable(f"{self.folder}: there is {what}") from error
        except UnicodeDecodeError as error:
            raise RunUnusable(f"{path} is damaged: it is no text in UTF-8") from error


def _parse(kind: type[Model], text: str, path: Path) -> Model:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise RunUnusable(f"{path} {complaint(error)}") from error


def write_text(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all, whenever the process or the machine dies, or the disk is full."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        error.filename = str(path)  # what fails in writing names no file
        with suppress(OSError):
            fresh.unlink()  # a full disk has better use for it
        raise


def write_model(path: Path, content: Strict) -> None:
    """Write indented JSON."""
    write_text(path, content.model_dump_json(indent=1) + "\n")


def write_lines(path: Path, rows: Sequence[Strict]) -> None:
    """Write one JSON object a line."""
    write_text(path, "".join(row.model_dump_json() + "\n" for row in rows))


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Save tensors and plain values."""
    import torch  # takes seconds, and a list of runs needs none

    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what save_checkpoint wrote, to the CPU; nothing in it is executed. Raises RunUnusable."""
    if not path.exists():
        gone = ", although epochs are finished: put it back, or begin anew with another --output"
        why = gone if Run(path.parent).has_learned else ": no epoch of the run is finished"
        raise RunUnusable(f"{path.parent}: there is no {path.name}{why}")
    import torch

    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever its bytes are taken for
        raise RunUnusable(f"{path} is damaged and cannot be gone on with: begin anew with another --output") from error
    return content
