"""Fitting: epochs over the training split, the best of them chosen by its calibrated loss on the validation split.

The loop is ours and Fabric brings device, precision and processes (see ARCHITECTURE.md). Every epoch draws its
random numbers from seeds of its own, so that an epoch repeated after a kill is the epoch that was lost.
"""

import math
import time
from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from lightning.fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from models.store import Store
from training.batches import count_steps, epoch_batches, share
from training.calibrate import fit_temperature, log_losses
from training.checkpoint import State, load_last
from training.config import Recipe
from training.data.augment import Augment, to_unit
from training.data.balance import class_weights
from training.data.dataset import Dataset
from training.data.mixup import mix
from training.data.samples import Split
from training.data.splits import Indices
from training.device import compiled, make_fabric, normalise_together, part, refuse_disagreement
from training.errors import Diverged
from training.learnt import keep_learnt
from training.network import Network, build_network, measure
from training.optimizer import build_optimizer, learning_rate_factor
from training.progress import bar, say
from training.run import EpochMetrics, Run, least_loss
from training.seed import generator, seed_everything
from training.weights import load_weights

_PREDICT_BATCH = 500


def fit(
    recipe: Recipe,
    data: Dataset,
    run: Run,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    store: Store | None = None,
) -> list[EpochMetrics]:
    """Train until the recipe's epochs are done or validation no longer improves; goes on where ``run`` stopped.

    Returns the metrics of every epoch; the weights of the best one are in ``run.best``. Under torchrun all
    processes train and the first one writes. ``on_epoch`` hears of each epoch that is done; ``store`` holds the
    versions that ``transfer.weights`` may name.
    """
    fabric = make_fabric(recipe.fit)
    state = _begin(recipe, data, run, fabric, store)
    loop = _Loop(recipe, data, fabric, state)
    while not _is_over(recipe, state):
        state.history.append(loop.epoch(len(state.history)))
        if fabric.is_global_zero:
            state.save(run)
            say(_line(state.history[-1], recipe.fit.epochs))
            if on_epoch is not None:
                on_epoch(state.history[-1])
        fabric.barrier()  # nobody is an epoch ahead of what is saved
    history = state.history
    del loop  # what Fabric wrapped must go before its process group, or gloo's thread and the interpreter wait for ever
    part()
    return history


def _begin(recipe: Recipe, data: Dataset, run: Run, fabric: Fabric, store: Store | None) -> State:
    """The state to train from: fresh, with the weights that the recipe starts from, or the one that was saved."""
    seed_everything(recipe.seed, "network")
    network = build_network(recipe, len(data.labels))
    saved = load_last(run)
    refuse_disagreement(fabric, len(saved["history"]) if saved else 0, run.folder)
    if saved is not None:
        taken = frozenset(saved["taken"])
    else:
        images = measure(network, data.pixels, data.splits.train, recipe)
        loaded = load_weights(network, recipe.transfer, store, images)
        taken = frozenset(loaded.names)
        say(f"begins with {loaded.source}")
        if fabric.is_global_zero:
            keep_learnt(recipe, data, run, loaded.origin, loaded.learnt)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub forgets it
    network.to(fabric.device)
    normalise_together(network, fabric, recipe.fit.batch_size)
    decay = recipe.fit.average
    averaging = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=averaging, use_buffers=True) if decay else None
    optimizer = build_optimizer(recipe.optimizer, network, taken, recipe.transfer.rate)
    state = State(network, optimizer, fabric.strategy.precision, average, taken)
    if saved is not None:
        state.load(saved)
        if fabric.is_global_zero:
            state.mend(run)
            say(f"going on after epoch {len(state.history)} of {recipe.fit.epochs}")
    return state


class _Loop:
    """Trains and validates one epoch at a time; ``_model`` is the network as Fabric wrapped it."""

    def __init__(self, recipe: Recipe, data: Dataset, fabric: Fabric, state: State) -> None:
        self._recipe = recipe
        self._data = data
        self._fabric = fabric
        self._state = state
        self._optimizer = cast(torch.optim.Optimizer, fabric.setup_optimizers(state.optimizer))
        # What was saved is the rate of the last step.
        self._rates = [group["initial_lr"] for group in state.optimizer.param_groups]
        self._model: nn.Module | None = None
        flipped = generator(recipe.seed, "flip").random(data.count("train")) < 0.5
        self._augment = Augment(recipe.augment, torch.from_numpy(flipped))
        self._targets = data.targets[data.splits.train]
        self._steps = recipe.fit.steps or count_steps(len(self._targets), recipe.fit.batch_size, fabric.world_size)
        self._class_weights = self._weigh() if recipe.fit.balance == "weights" else None

    def epoch(self, number: int) -> EpochMetrics:
        """Train one epoch in an order of its own, then validate."""
        began = time.monotonic()
        # A draw of its own for each process, or all would augment alike.
        seed_everything(self._recipe.seed, "epoch", number, *self._rank())
        train_loss, train_accuracy = self._train(number)
        validated = self._fabric.broadcast(self._validate() if self._fabric.is_global_zero else {})
        if not (math.isfinite(train_loss) and validated):
            reached = f"{train_loss:.3g} in training{'' if validated else ' and no number in validation'}"
            raise Diverged(
                f"the loss of epoch {number + 1} is {reached}: try a lower optimizer.learning_rate, or bound the "
                "gradients with fit.clip"
            )
        return EpochMetrics(
            epoch=number + 1,
            learning_rate=self._state.optimizer.param_groups[0]["lr"],
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            **validated,
            seconds=time.monotonic() - began,
        )

    def _rank(self) -> tuple[int, ...]:
        return (self._fabric.global_rank,) if self._fabric.world_size > 1 else ()

    def _train(self, epoch: int) -> tuple[float, float]:
        model = self._prepare(epoch)
        batches = epoch_batches(
            self._recipe.fit, self._targets, self._recipe.seed, epoch, processes=self._fabric.world_size
        )
        total = torch.zeros(3, device=self._fabric.device)  # loss, right ones, images
        for step, rows in enumerate(bar(batches, f"epoch {epoch + 1}", self._steps)):
            self._set_rate(epoch * self._steps + step)
            total += self._step(model, rows, epoch)
        summed = self._fabric.all_reduce(total, reduce_op="sum")
        loss, correct, seen = summed.tolist() if isinstance(summed, Tensor) else total.tolist()
        return loss / seen, correct / seen

    def _step(self, model: nn.Module, batch: Indices, epoch: int) -> Tensor:
        """One step on this process's share of ``batch``; its loss, right ones and images, summed up."""
        fabric, chosen = self._fabric, self._recipe
        rows = share(batch, fabric.global_rank, fabric.world_size)
        pixels, targets = self._load("train", rows)
        images = self._augment(pixels, torch.from_numpy(rows), epoch)
        wanted = targets
        if chosen.augment.mixup:
            images, wanted = mix(images, targets, len(self._data.labels), chosen.augment.mixup)
        logits = model(images)
        loss = functional.cross_entropy(
            logits.float(), wanted, self._class_weights, label_smoothing=chosen.fit.label_smoothing, reduction="sum"
        )
        self._optimizer.zero_grad()
        # Fabric takes the mean over processes, whose shares may differ by one image.
        fabric.backward(loss * fabric.world_size / len(batch))
        if chosen.fit.clip:
            # A norm that is no number shows in the loss, or is what float16 looks for to change its scale.
            fabric.clip_gradients(model, self._optimizer, max_norm=chosen.fit.clip, error_if_nonfinite=False)
        self._optimizer.step()
        if self._state.average is not None:
            self._state.average.update_parameters(self._state.network)
        correct = (logits.detach().argmax(1) == targets).sum()
        return torch.stack([loss.detach(), correct.float(), torch.full_like(loss, len(rows))])

    def _prepare(self, epoch: int) -> nn.Module:
        """The network in training, its taken part frozen while that lasts."""
        state, freeze = self._state, self._recipe.transfer.freeze
        frozen = state.taken if epoch < freeze else frozenset()
        if self._model is None or epoch == freeze:  # what a process must send around has changed
            for name, parameter in state.network.named_parameters():
                if name in state.taken:
                    parameter.requires_grad_(name not in frozen)
            self._model = self._fabric.setup_module(compiled(state.network, self._recipe.fit))
        self._model.train()
        for name, module in state.network.named_modules():
            # The statistics of a frozen batch norm are part of what was taken.
            if f"{name}.weight" in frozen and isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm)):
                module.eval()
        return self._model

    def _validate(self) -> dict[str, float]:
        """The metrics of the validation split; none where the network no longer answers with numbers."""
        logits = predict(self._fabric, self._state.answering, self._data, "validation")
        targets = self._data.targets[self._data.splits.validation]
        if not np.isfinite(logits).all():
            return {}
        calibrated = log_losses(logits, targets, fit_temperature(logits, targets))
        return {
            "validation_loss": float(log_losses(logits, targets).mean()),
            "calibrated_loss": float(calibrated.mean()),
            "loss_error": float(calibrated.std() / len(targets) ** 0.5),
            "validation_accuracy": float((logits.argmax(axis=1) == targets).mean()),
        }

    def _load(self, split: Split, rows: Indices) -> tuple[Tensor, Tensor]:
        chosen = self._data.splits[split][rows]
        pixels, targets = torch.from_numpy(self._data.pixels[chosen]), torch.from_numpy(self._data.targets[chosen])
        return self._fabric.to_device(pixels), self._fabric.to_device(targets)

    def _weigh(self) -> Tensor:
        return self._fabric.to_device(torch.from_numpy(class_weights(self._targets, len(self._data.labels))))

    def _set_rate(self, step: int) -> None:
        factor = learning_rate_factor(self._recipe.schedule, step, self._steps * self._recipe.fit.epochs)
        for group, rate in zip(self._state.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor


def predict(fabric: Fabric, network: Network, data: Dataset, split: Split) -> NDArray[np.float32]:
    """Logits float32 ``[N, classes]`` of a whole split, in its order, without augmentation."""
    network.eval()
    rows = data.splits[split]
    logits = []
    with torch.no_grad(), fabric.autocast():
        for start in range(0, len(rows), _PREDICT_BATCH):
            pixels = torch.from_numpy(data.pixels[rows[start : start + _PREDICT_BATCH]])
            logits.append(network(to_unit(fabric.to_device(pixels))).float().cpu().numpy())
    return np.concatenate(logits)


def _is_over(recipe: Recipe, state: State) -> bool:
    least = least_loss(state.history)
    if len(state.history) >= recipe.fit.epochs:
        return True
    patience = recipe.fit.patience
    return bool(patience) and least is not None and len(state.history) - least.epoch >= patience


def _line(row: EpochMetrics, epochs: int) -> str:
    return (
        f"epoch {row.epoch}/{epochs}  rate {row.learning_rate:.2g}  train {row.train_loss:.3f} "
        f"{row.train_accuracy:.2%}  validation {row.calibrated_loss:.3f} {row.validation_accuracy:.2%}  "
        f"{row.seconds:.0f} s"
    )
