"""What each key of a recipe's ``augment`` costs for a batch, beside a training step of the network.

    python -m benchmarks.augmentation cifar10
    python -m benchmarks.augmentation folder --set input.height=128 --set input.width=128 --set fit.batch_size=64

On one thread of the CPU, or on CUDA where there is one; the least time of some runs.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch.nn import functional

from training.config import Recipe, load_recipe
from training.data.augment import Augment, to_unit
from training.data.mixup import mix
from training.network import build_network
from training.settings import AugmentSettings

CLASSES = 10
KEYS: dict[str, dict[str, object]] = {
    "nothing": {},
    "flip": {"flip": "alternating"},
    "translate": {"translate": 2},
    "crop": {"crop": 0.5},
    "rotate": {"rotate": 15.0},
    "shear": {"shear": 10.0},
    "zoom": {"zoom": 0.2},
    "crop, rotate, shear, zoom": {"crop": 0.5, "rotate": 15.0, "shear": 10.0, "zoom": 0.2},
    "brightness": {"brightness": 0.2},
    "contrast": {"contrast": 0.2},
    "saturation": {"saturation": 0.2},
    "hue": {"hue": 0.05},
    "policy": {"policy": "trivial"},
    "cutout": {"cutout": 8},
}


def least_ms(work: Callable[[], object], runs: int) -> float:
    """The least time of ``work`` in milliseconds, as what else the machine does only adds; the first does not count."""
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - began))
    return min(times[1:])


def step(recipe: Recipe, pixels: torch.Tensor, targets: torch.Tensor) -> Callable[[], object]:
    """One step of training without augmentation, on CUDA in bfloat16."""
    kind = pixels.device.type
    network = build_network(recipe, CLASSES).to(kind, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    def once() -> None:
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            loss = functional.cross_entropy(network(to_unit(pixels)), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return once


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe, arguments.set)
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    count = recipe.fit.batch_size
    pixels = torch.randint(0, 256, (count, *recipe.input.shape), dtype=torch.uint8).to(device)
    targets = torch.randint(0, CLASSES, (count,)).to(device)
    whole = least_ms(step(recipe, pixels, targets), 3)
    print(f"{count} images of {recipe.input.shape} on {device}: a training step takes {whole:.0f} ms")
    rows = torch.arange(count)
    for name, settings in KEYS.items():
        if recipe.input.colour == "grey" and name in ("saturation", "hue"):
            continue
        augment = Augment(AugmentSettings.model_validate(settings), torch.rand(count) < 0.5)
        taken = least_ms(lambda augment=augment: augment(pixels, rows, 0), 10)
        print(f"{name:27} {taken:7.1f} ms  {taken / whole:6.2%}")
    images = to_unit(pixels)
    taken = least_ms(lambda: mix(images, targets, CLASSES, 0.2), 10)
    print(f"{'mixup':27} {taken:7.1f} ms  {taken / whole:6.2%}")


if __name__ == "__main__":
    main()
