"""Fitting: epochs over the training split, the best of them chosen by the loss on the validation split.

The loop is ours and Fabric brings device and precision (see ARCHITECTURE.md). Every epoch draws its random numbers
from a seed of its own, so that an epoch repeated after a kill is the epoch that was lost.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins import Precision
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.config import Recipe
from training.data.augment import Augment, to_unit
from training.data.dataset import Dataset
from training.data.samples import Split
from training.data.splits import Indices
from training.errors import Diverged
from training.network import Network, build_network, measure
from training.progress import bar, say
from training.run import EpochMetrics, Run, load_checkpoint, save_checkpoint, write_lines
from training.seed import generator, seed_everything
from training.settings import OptimizerSettings, ScheduleSettings

_PREDICT_BATCH = 500


@dataclass
class _State:
    """What a checkpoint holds, and the way there and back; ``precision`` has the scale of gradients in fp16."""

    network: Network
    optimizer: torch.optim.Optimizer
    precision: Precision
    history: list[EpochMetrics] = field(default_factory=list)

    def save(self, run: Run) -> None:
        """Write the checkpoints of the epoch just finished; the last first: it can stand in for a best one."""
        rows = [row.model_dump() for row in self.history]
        states = {"optimizer": self.optimizer.state_dict(), "precision": self.precision.state_dict()}
        save_checkpoint(run.last, self._weights() | states | {"history": rows})
        self._save_best(run)
        write_lines(run.metrics_log, self.history)

    def load(self, run: Run) -> None:
        """Go back to the last finished epoch, and write its best checkpoint where a kill came before that."""
        content = load_checkpoint(run.last)
        self.network.load_state_dict(content["network"])
        self.optimizer.load_state_dict(content["optimizer"])
        if content.get("precision"):
            self.precision.load_state_dict(content["precision"])
        self.history = [EpochMetrics.model_validate(row) for row in content["history"]]
        self._save_best(run)
        write_lines(run.metrics_log, self.history)

    def _save_best(self, run: Run) -> None:
        if best_epoch(self.history) is self.history[-1]:
            save_checkpoint(run.best, self._weights())

    def _weights(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "epoch": len(self.history)}


def fit(recipe: Recipe, data: Dataset, run: Run) -> list[EpochMetrics]:
    """Train until the recipe's epochs are done or validation no longer improves; goes on where ``run`` stopped.

    Returns the metrics of every epoch; the weights of the best one are in ``run.best``.
    """
    seed_everything(recipe.seed, "network")
    network = build_network(recipe, len(data.labels))
    measure(network, data.pixels, data.splits.train, recipe)
    fabric = make_fabric(recipe)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub forgets it
    state = _State(network, build_optimizer(recipe.optimizer, network), fabric.strategy.precision)
    loop = _Loop(recipe, data, fabric, state)
    if run.last.exists():
        state.load(run)
        say(f"going on after epoch {len(state.history)} of {recipe.fit.epochs}")
    while not _is_over(recipe, state):
        state.history.append(loop.epoch(len(state.history)))
        state.save(run)
        say(_line(state.history[-1], recipe.fit.epochs))
    return state.history


def best_epoch(history: Sequence[EpochMetrics]) -> EpochMetrics | None:
    """The epoch of the least validation loss, the earliest of equals; None before the first."""
    return min(history, key=lambda row: row.validation_loss, default=None)


class _Loop:
    """Trains and validates one epoch at a time; ``model`` and ``optimizer`` are those that Fabric wrapped."""

    def __init__(self, recipe: Recipe, data: Dataset, fabric: Fabric, state: _State) -> None:
        self._recipe = recipe
        self._data = data
        self._fabric = fabric
        self._raw_optimizer = state.optimizer
        self._model, self._optimizer = fabric.setup(state.network, state.optimizer)
        self._rates = [group["lr"] for group in state.optimizer.param_groups]
        flipped = generator(recipe.seed, "flip").random(data.count("train")) < 0.5
        self._augment = Augment(recipe.augment, torch.from_numpy(flipped))
        self._steps = count_steps(data.count("train"), recipe.fit.batch_size)

    def epoch(self, number: int) -> EpochMetrics:
        """Train on every training image once, in an order of this epoch, then validate."""
        began = time.monotonic()
        seed_everything(self._recipe.seed, "epoch", number)
        train_loss, train_accuracy = self._train(number)
        loss, accuracy = self._validate()
        if not (math.isfinite(train_loss) and math.isfinite(loss)):
            reached = f"{train_loss:.3g} in training and {loss:.3g} in validation"
            raise Diverged(f"the loss of epoch {number + 1} is {reached}: try a lower optimizer.learning_rate")
        return EpochMetrics(
            epoch=number + 1,
            learning_rate=self._raw_optimizer.param_groups[0]["lr"],
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            validation_loss=loss,
            validation_accuracy=accuracy,
            seconds=time.monotonic() - began,
        )

    def _train(self, epoch: int) -> tuple[float, float]:
        self._model.train()
        loss_sum = torch.zeros((), device=self._fabric.device)
        correct = torch.zeros((), dtype=torch.int64, device=self._fabric.device)
        seen = 0
        total = self._steps * self._recipe.fit.epochs
        for step, rows in enumerate(bar(self._batches(), f"epoch {epoch + 1}", self._steps)):
            self._set_rate(learning_rate_factor(self._recipe.schedule, epoch * self._steps + step, total))
            pixels, targets = self._load("train", rows)
            logits = self._model(self._augment(pixels, torch.from_numpy(rows), epoch))
            loss = functional.cross_entropy(logits, targets, label_smoothing=self._recipe.fit.label_smoothing)
            self._optimizer.zero_grad()
            self._fabric.backward(loss)
            self._optimizer.step()
            loss_sum += loss.detach() * len(targets)
            correct += (logits.detach().argmax(1) == targets).sum()
            seen += len(targets)
        return loss_sum.item() / seen, correct.item() / seen

    def _batches(self) -> Iterator[Indices]:
        """All places in the training split, in batches of one size or of two that differ by one."""
        yield from np.array_split(torch.randperm(self._data.count("train")).numpy(), self._steps)

    def _validate(self) -> tuple[float, float]:
        logits = torch.from_numpy(predict(self._fabric, self._model, self._data, "validation"))
        targets = torch.from_numpy(self._data.targets[self._data.splits.validation])
        accuracy = (logits.argmax(1) == targets).double().mean().item()
        return functional.cross_entropy(logits, targets).item(), accuracy

    def _load(self, split: Split, rows: Indices) -> tuple[Tensor, Tensor]:
        chosen = self._data.splits[split][rows]
        pixels, targets = torch.from_numpy(self._data.pixels[chosen]), torch.from_numpy(self._data.targets[chosen])
        return self._fabric.to_device(pixels), self._fabric.to_device(targets)

    def _set_rate(self, factor: float) -> None:
        for group, rate in zip(self._raw_optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor


def count_steps(images: int, batch_size: int) -> int:
    """How many batches of at most ``batch_size`` an epoch has.

    None is of one image, which would have no statistics for batch norm; batches of 2 become one of 3 instead.
    """
    return max(1, min(math.ceil(images / batch_size), images // 2))


def predict(fabric: Fabric, model: nn.Module, data: Dataset, split: Split) -> NDArray[np.float32]:
    """Logits float32 ``[N, classes]`` of a whole split, in its order, without augmentation."""
    model.eval()
    rows = data.splits[split]
    logits = []
    with torch.no_grad():
        for start in range(0, len(rows), _PREDICT_BATCH):
            pixels = torch.from_numpy(data.pixels[rows[start : start + _PREDICT_BATCH]])
            logits.append(model(to_unit(fabric.to_device(pixels))).float().cpu().numpy())
    return np.concatenate(logits)


def make_fabric(recipe: Recipe) -> Fabric:
    """The device to train on: an accelerator where there is one, with mixed precision on CUDA, else the CPU."""
    if recipe.fit.precision == "float32" or not torch.cuda.is_available():
        return Fabric(accelerator="auto", devices=1, precision="32-true")
    halves = torch.cuda.is_bf16_supported(including_emulation=False)
    return Fabric(accelerator="cuda", devices=1, precision="bf16-mixed" if halves else "16-mixed")


def build_optimizer(settings: OptimizerSettings, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of the parameters that are trained; vectors (biases, batch norm) are not decayed."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    rate = settings.learning_rate
    match settings.name:
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, nesterov=settings.nesterov)
        case "adam":
            return torch.optim.Adam(groups, lr=rate)
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate)


def learning_rate_factor(schedule: ScheduleSettings, step: int, steps: int) -> float:
    """What the learning rate is multiplied by at ``step`` of ``steps``, counted from 0."""
    if schedule.name == "constant":
        return 1.0
    warm = schedule.warmup * steps
    if step < warm:
        return schedule.start + (1 - schedule.start) * step / warm
    done = (step - warm) / max(1.0, steps - 1 - warm)
    if schedule.name == "cosine":
        done = (1 - math.cos(math.pi * min(1.0, done))) / 2
    return 1 + (schedule.end - 1) * min(1.0, done)


def _is_over(recipe: Recipe, state: _State) -> bool:
    best = best_epoch(state.history)
    if len(state.history) >= recipe.fit.epochs:
        return True
    patience = recipe.fit.patience
    return bool(patience) and best is not None and len(state.history) - best.epoch >= patience


def _line(row: EpochMetrics, epochs: int) -> str:
    return (
        f"epoch {row.epoch}/{epochs}  rate {row.learning_rate:.2g}  train {row.train_loss:.3f} "
        f"{row.train_accuracy:.2%}  validation {row.validation_loss:.3f} {row.validation_accuracy:.2%}  "
        f"{row.seconds:.0f} s"
    )
