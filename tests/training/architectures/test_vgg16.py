from pathlib import Path

import pytest
import torch
from torch import nn

from tests.training.support import tiny_recipe
from training.architectures.settings import Vgg16Settings
from training.architectures.vgg16 import Vgg16, build_vgg16
from training.config import load_recipe
from training.errors import InvalidRecipe
from training.network import build_network

# As torchvision.models.vgg16().state_dict() and vgg16_bn() number them.
CONVOLUTIONS = {
    False: (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    True: (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40),
}
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


def settings(**changes: object) -> Vgg16Settings:
    return Vgg16Settings.model_validate({"name": "vgg16"} | changes)


def shapes_of_torchvision(*, batch_norm: bool) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 3
    for index, width in zip(CONVOLUTIONS[batch_norm], WIDTHS, strict=True):
        shapes |= {f"features.{index}.weight": (width, inputs, 3, 3), f"features.{index}.bias": (width,)}
        if batch_norm:
            parts = ("weight", "bias", "running_mean", "running_var")
            shapes |= {f"features.{index + 1}.{part}": (width,) for part in parts}
            shapes[f"features.{index + 1}.num_batches_tracked"] = ()
        inputs = width
    for index, (outputs, inputs) in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        shapes |= {f"classifier.{index}.weight": (outputs, inputs), f"classifier.{index}.bias": (outputs,)}
    return shapes


@pytest.mark.parametrize(("batch_norm", "parameters"), [(False, 138_357_544), (True, 138_365_992)])
def test_names_and_shapes_are_those_of_torchvision(batch_norm: bool, parameters: int) -> None:
    with torch.device("meta"):
        network = build_vgg16(settings(batch_norm=batch_norm), (224, 224, 3), 1000)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert list(shapes.items()) == list(shapes_of_torchvision(batch_norm=batch_norm).items())
    # As https://docs.pytorch.org/vision/stable/models.html lists them.
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 3), (33, 70, 1)])
def test_it_answers_at_any_size_from_32(height: int, width: int, channels: int) -> None:
    small = settings(dense=(8,), pool=2, batch_norm=True)
    network = build_vgg16(small, (height, width, channels), 5).eval()
    assert network(torch.rand(2, channels, height, width)).shape == (2, 5)


def test_smaller_images_are_refused() -> None:
    with pytest.raises(InvalidRecipe, match=r"32 x 28 is too small for vgg16.* input\.width to 32 or more"):
        build_vgg16(settings(), (32, 28, 1), 10)


def classifier(**changes: object) -> list[tuple[str, tuple[int, ...]]]:
    with torch.device("meta"):
        layers = Vgg16(settings(**changes), 3, 10).classifier
    return [(name, tuple(tensor.shape)) for name, tensor in layers.state_dict().items() if name.endswith("weight")]


def test_dense_widths_and_pool_change_the_classifier_alone() -> None:
    assert classifier(dense=(512, 512), pool=1, dropout=0) == [
        ("0.weight", (512, 512)),
        ("3.weight", (512, 512)),
        ("6.weight", (10, 512)),
    ]
    assert classifier(dense=(), pool=2) == [("0.weight", (10, 2048))]


def test_it_begins_as_torchvision_does() -> None:
    torch.manual_seed(0)
    network = build_vgg16(settings(dense=(64,), batch_norm=True), (32, 32, 3), 10)
    last, dense = network.features[40], network.classifier[0]
    assert last.weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)
    assert dense.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert not any(layer.bias.any() for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear))


def test_without_batch_norm_and_dropout_there_is_none() -> None:
    layers = {type(layer) for layer in Vgg16(settings(dense=()), 3, 10).modules()}
    assert nn.BatchNorm2d not in layers
    assert nn.Dropout not in layers


def test_a_recipe_can_ask_for_it(tmp_path: Path) -> None:
    changes = ["input.height=32", "input.width=32", "architecture={name='vgg16', dense=[], pool=1}"]
    network = build_network(tiny_recipe(tmp_path, *changes), 3)
    assert isinstance(network.body, Vgg16)
    assert network.eval()(torch.rand(1, 3, 32, 32)).shape == (1, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("architecture={name='vgg16', depth=3}", r"architecture\.depth"),
        ("architecture={name='vgg16', pool=0}", r"architecture\.pool"),
        ("architecture.name=resnet", "'cnn', 'vgg16'"),
        ("architecture.stem.kernel=9", r"^architecture\.stem\.kernel"),
        ("transfer.weights=imagenet", "imagenet weights for vgg16 only"),
    ],
)
def test_a_wrong_key_is_named_without_the_kind(change: str, message: str) -> None:
    with pytest.raises(InvalidRecipe, match=message):
        load_recipe("cifar10", [change])
