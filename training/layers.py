"""The layers of a network as weights alone, whatever holds them, and how another network takes them over.

A layer is a convolution or a dense layer, with its bias and the batch norm that follows it. Layers are matched by their
order, kind and shape rather than by name: an exported graph has other names, and one dropout more shifts all of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.errors import WeightsUnusable


@dataclass(frozen=True, slots=True)
class Norm:
    """A batch norm: its weight, bias, running mean and running variance, ``[channels]`` each."""

    weight: Tensor
    bias: Tensor
    mean: Tensor
    var: Tensor


@dataclass(slots=True)
class Layer:
    """A weight ``[out, in, height, width]`` or ``[out, in]``, its bias ``[out]`` and the batch norm after it."""

    weight: Tensor
    bias: Tensor | None
    norm: Norm | None = None


@dataclass(slots=True)
class Place:
    """Where a layer is in a network: its modules, and their names there."""

    name: str
    layer: nn.Conv2d | nn.Linear
    norm_name: str = ""
    norm: nn.BatchNorm2d | None = None

    def misfit(self, other: Layer) -> str | None:
        """Why ``other`` does not fit here; None when it does."""
        if other.weight.shape != self.layer.weight.shape:
            return f"its shape is {_shape(self.layer.weight)}, that of the source {_shape(other.weight)}"
        if self.norm is None and other.norm is not None:
            return "that of the source has a batch norm after it"
        if self.norm is None and self.layer.bias is None and other.bias is not None:
            return "that of the source has a bias"
        return None

    def fill(self, other: Layer) -> None:
        """Take the weights of ``other`` over, so that the same goes out for the same that comes in, up to rounding.

        A batch norm that the source has folded into its layer becomes one that only adds the bias.
        """
        bias = torch.zeros(len(other.weight)) if other.bias is None else other.bias
        with torch.no_grad():
            self.layer.weight.copy_(other.weight)
            if self.norm is not None:
                bias = _fill_norm(self.norm, other.norm, bias, has_bias=self.layer.bias is not None)
            if self.layer.bias is not None:
                self.layer.bias.copy_(bias)

    def learning(self) -> Iterator[str]:
        """The names of the parameters that learn: not those of a whitening convolution."""
        for name, module in ((self.name, self.layer), (self.norm_name, self.norm)):
            for part, parameter in () if module is None else module.named_parameters():
                if parameter.requires_grad:
                    yield f"{name}.{part}"


def places(network: nn.Module) -> list[Place]:
    """The layers of a network in their order."""
    found: list[Place] = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            found.append(Place(name, module))
        elif isinstance(module, nn.BatchNorm2d) and found:
            found[-1].norm_name, found[-1].norm = name, module
    return found


def layers_of(state: Mapping[str, Tensor]) -> list[Layer]:
    """The layers of a ``state_dict`` in its order; raises WeightsUnusable when it has others than those known here."""
    found: list[Layer] = []
    for key, weight in state.items():
        owner, _, part = key.rpartition(".")
        if part != "weight":
            continue
        bias, mean, var = (state.get(f"{owner}.{name}") for name in ("bias", "running_mean", "running_var"))
        if weight.ndim in {2, 4}:
            found.append(Layer(weight, bias))
        elif found and bias is not None and mean is not None and var is not None:
            found[-1].norm = Norm(weight, bias, mean, var)
        else:
            raise WeightsUnusable(f"{key} is of no convolution, no dense layer and no batch norm after one")
    return found


def _fill_norm(norm: nn.BatchNorm2d, other: Norm | None, bias: Tensor, *, has_bias: bool) -> Tensor:
    """Set ``norm`` after a layer whose bias was to be ``bias``; returns the bias that is left for the layer itself."""
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a batch norm without running statistics")
    if other is None:
        ones, zeros = torch.ones_like(bias), torch.zeros_like(bias)
        other, bias = Norm(ones, bias, zeros, ones - norm.eps), zeros
    norm.weight.copy_(other.weight)
    norm.bias.copy_(other.bias)
    norm.running_mean.copy_(other.mean if has_bias else other.mean - bias)
    norm.running_var.copy_(other.var)
    return bias


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))
