"""The layers of a network that torch builds, without making its weights."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.config import Recipe
from training.description import Description, InitialWeights, Row
from training.network import Network, build_network
from training.run import Run


def describe_recipe(recipe: Recipe, subject: str, classes: int) -> Description:
    """The network that ``recipe`` builds for so many classes; raises InvalidRecipe when it cannot be built."""
    with torch.device("meta"):  # tensors are a shape there, and nothing is computed
        network = build_network(recipe, classes).eval()
        rows = _pass_through(network, torch.zeros(1, recipe.input.channels, recipe.input.height, recipe.input.width))
    return Description(
        subject=subject,
        input=recipe.input.shape,
        classes=classes,
        layers=tuple(rows),
        parameters=_count(network.parameters()),
        trainable=_count(parameter for parameter in network.parameters() if parameter.requires_grad),
        multiply_adds=sum(row.multiply_adds for row in rows),
        bytes=sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values()),
        initial=_initial(recipe),
    )


def describe_run(run: Run) -> Description:
    """The network of a run, finished or not; raises RunUnusable when there is none."""
    return describe_recipe(run.recipe(), f"run {run.folder.resolve().name}", len(run.splits().labels))


def _initial(recipe: Recipe) -> InitialWeights | None:
    """What the recipe begins with; how much of it fits is known only once it is there, which may take a download."""
    begin = recipe.transfer
    if begin.weights is None:
        return None
    return InitialWeights(weights=begin.weights, frozen=begin.freeze, epochs=recipe.fit.epochs)


def _pass_through(network: Network, image: Tensor) -> list[Row]:
    """One row for each module that has no modules in it, in the order in which an image passes them."""
    rows: list[Row] = []

    def watch(name: str, module: nn.Module) -> None:
        module.register_forward_hook(lambda _, __, output: rows.append(_row(name, module, output)))

    for name, module in network.body.named_modules():
        if not list(module.children()):
            watch(name, module)
    network(image)
    return rows


def _row(name: str, module: nn.Module, output: Tensor) -> Row:
    kernel = getattr(module, "kernel_size", None)
    sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    shape = tuple(output.shape[1:])
    # Each weight takes part once for each pixel that comes out.
    products = module.weight.numel() * math.prod(shape[1:]) if isinstance(module, nn.Conv2d | nn.Linear) else 0
    return Row(
        name=name,
        kind=type(module).__name__ + (f" {sides[0]}x{sides[1]}" if kernel is not None else ""),
        output=shape,
        parameters=_count(module.parameters()),
        multiply_adds=products,
    )


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)
