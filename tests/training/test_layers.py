import re
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.training.support import tiny_recipe
from training.errors import WeightsUnusable
from training.layers import Layer, layers_of, places
from training.network import build_network


def random_norm(width: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(width)
    for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
        tensor.normal_()
    norm.running_var.uniform_(0.1, 3)
    return norm


def convolution(*, bias: bool, norm: bool, inputs: int = 3) -> nn.Sequential:
    layers = [nn.Conv2d(inputs, 8, 3, bias=bias), *([random_norm(8)] if norm else [])]
    return nn.Sequential(*layers).eval()


def layer_of(network: nn.Module) -> Layer:
    return layers_of(network.state_dict())[0]


def test_the_layers_of_a_network_are_found_in_order(tmp_path: Path) -> None:
    network = build_network(tiny_recipe(tmp_path), 3)
    found = [(place.name, place.norm_name) for place in places(network)]
    convolutions = [("body.0", ""), ("body.2", "body.4"), ("body.6", "body.7"), ("body.9", "body.10")]
    assert found == [*convolutions, ("body.15", "")]
    state = layers_of(network.state_dict())
    assert [layer.weight.shape for layer in state] == [place.layer.weight.shape for place in places(network)]
    assert [layer.norm is not None for layer in state] == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ({"bias": True, "norm": True}, {"bias": True, "norm": True}),
        ({"bias": True, "norm": True}, {"bias": False, "norm": True}),
        ({"bias": False, "norm": True}, {"bias": True, "norm": True}),
        ({"bias": True, "norm": False}, {"bias": False, "norm": True}),
        ({"bias": True, "norm": False}, {"bias": True, "norm": True}),
        ({"bias": False, "norm": False}, {"bias": True, "norm": False}),
    ],
)
def test_a_layer_that_is_taken_computes_the_same(source: dict[str, bool], target: dict[str, bool]) -> None:
    torch.manual_seed(0)
    first, second = convolution(**source), convolution(**target)
    (place,) = places(second)
    assert place.misfit(layer_of(first)) is None
    place.fill(layer_of(first))
    images = torch.randn(2, 3, 16, 16)
    # Only a bias that moves into the mean of a batch norm is rounded anew.
    tolerance = 1e-6 if source["bias"] and not target["bias"] and source["norm"] else 0
    assert torch.allclose(first(images), second(images), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ({"bias": True, "norm": False, "inputs": 1}, {"bias": True, "norm": False}, "8 x 3 x 3 x 3, .* 8 x 1 x 3 x 3"),
        ({"bias": False, "norm": True}, {"bias": True, "norm": False}, "has a batch norm after it"),
        ({"bias": True, "norm": False}, {"bias": False, "norm": False}, "has a bias"),
    ],
)
def test_what_does_not_fit_says_why(source: dict[str, bool], target: dict[str, bool], reason: str) -> None:
    (place,) = places(convolution(**target))
    assert re.search(reason, str(place.misfit(layer_of(convolution(**source)))))


@pytest.mark.parametrize("other", [nn.LayerNorm(4), nn.Sequential(nn.BatchNorm2d(4)), nn.Conv1d(2, 2, 3)])
def test_layers_of_other_kinds_are_refused(other: nn.Module) -> None:
    with pytest.raises(WeightsUnusable, match=r"weight is of no convolution, no dense layer"):
        layers_of(nn.Sequential(other).state_dict())
