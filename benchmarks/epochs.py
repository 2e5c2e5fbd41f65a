"""What the rule that chooses the epoch is worth beside others; no image of the test split is looked at.

python -m benchmarks.epochs RECIPE DATA [--set KEY=VALUE]...

A training by RECIPE keeps half of its images for validation (``--set data.validation=...`` for another share). Some of
these, drawn again and again, choose the epoch and its temperature by each rule; the answers of that epoch to all others
show what the choice was worth. Repeat it with ``--set seed=...`` before a small difference is believed.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from lightning.fabric import Fabric
from numpy.typing import NDArray

from training.calibrate import fit_temperature, log_losses
from training.config import Recipe, load_recipe
from training.data.dataset import Dataset, load_dataset
from training.data.sources import open_source
from training.fit import fit, predict
from training.network import build_network
from training.run import EpochMetrics, Run, best_epoch, load_checkpoint
from training.scores import Targets

DRAWS = 100
IMAGES = (200, 500, 2000)
Logits = NDArray[np.float32]
Losses = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """What some images say of E epochs: the ``history``, and the calibrated ``losses`` ``[E, N]`` behind it."""

    history: list[EpochMetrics]
    temperatures: list[float]
    losses: Losses


def see(logits: Logits, targets: Targets) -> Seen:
    """Judge the epochs whose logits ``[E, N, classes]`` these are as training does, all but how it trained."""
    temperatures = [fit_temperature(each, targets) for each in logits]
    losses = np.stack([log_losses(*pair) for pair in _with(logits, targets, temperatures)])
    history = [
        EpochMetrics(
            epoch=number,
            learning_rate=0,
            train_loss=0,
            train_accuracy=0,
            validation_loss=float(log_losses(each, targets).mean()),
            calibrated_loss=float(calibrated.mean()),
            loss_error=float(calibrated.std() / len(targets) ** 0.5),
            validation_accuracy=float((each.argmax(axis=1) == targets).mean()),
            seconds=0,
        )
        for number, (each, calibrated) in enumerate(zip(logits, losses, strict=True), 1)
    ]
    return Seen(history, temperatures, losses)


def chosen(seen: Seen) -> int:
    """Where in its list the epoch is that training would answer with."""
    return cast(EpochMetrics, best_epoch(seen.history)).epoch - 1


def _with(logits: Logits, targets: Targets, temperatures: list[float]) -> list[tuple[Logits, Targets, float]]:
    return [(each, targets, temperature) for each, temperature in zip(logits, temperatures, strict=True)]


def _paired(seen: Seen) -> int:
    """The last epoch that is not worse than the least by more than the standard error of their difference."""
    least = int(seen.losses.mean(axis=1).argmin())
    worse = seen.losses - seen.losses[least]
    errors = worse.std(axis=1) / worse.shape[1] ** 0.5
    return int(np.flatnonzero(worse.mean(axis=1) <= errors)[-1])


RULES: dict[str, Callable[[Seen], int]] = {
    "least plain loss": lambda seen: int(np.argmin([row.validation_loss for row in seen.history])),
    "least calibrated loss": lambda seen: int(seen.losses.mean(axis=1).argmin()),
    "within one error of it (training)": chosen,
    "within one paired error of it": _paired,
    "last": lambda seen: len(seen.history) - 1,
}


def trained(recipe: Recipe, data: Dataset) -> Logits:
    """Train, and return the logits ``[E, N, classes]`` of the validation split after each epoch."""
    logits, fabric = [], Fabric(accelerator="cpu", devices=1)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))

        def keep(_: EpochMetrics) -> None:
            network = build_network(recipe, len(data.labels))
            network.load_state_dict(load_checkpoint(run.last)["network"])
            logits.append(predict(fabric, network, data, "validation"))

        fit(recipe, data, run, keep)
    return np.stack(logits)


def show(logits: Logits, targets: Targets, images: int) -> None:
    """Choose on so many images, judge on the others, and print the means over all draws."""
    random, found = np.random.default_rng(0), {rule: np.zeros((DRAWS, 3)) for rule in RULES}
    for draw in range(DRAWS):
        some, rest = np.split(random.permutation(len(targets)), [images])
        seen = see(logits[:, some], targets[some])
        for rule, choose in RULES.items():
            place = choose(seen)
            answers = logits[place, rest]
            losses = log_losses(answers, targets[rest], seen.temperatures[place])
            right = (answers.argmax(axis=1) == targets[rest]).mean()
            found[rule][draw] = place + 1, right, losses.mean()
    for rule, rows in found.items():
        epoch, right, loss = rows.mean(axis=0)
        print(f"{images:>5,} images, {rule}: epoch {epoch:.1f}, {right:.2%} of the others right, {loss:.4f} nats")


def main() -> None:
    """Train, and print what each rule is worth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", metavar="RECIPE")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    given = parser.parse_args()
    recipe = load_recipe(given.recipe, ("data.validation=0.5", *given.changes))
    data = load_dataset(open_source(recipe.data, given.data), recipe)
    logits, targets = trained(recipe, data), data.targets[data.splits.validation]
    for images in IMAGES:
        if 2 * images <= len(targets):
            show(logits, targets, images)


if __name__ == "__main__":
    main()
