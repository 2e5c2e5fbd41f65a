"""The recipes that come with the project: which there are, what they build, and how a tutorial describes its own."""

import pytest
import torch
from torch import nn

from models.locations import default_root
from models.refs import parse_ref
from models.store import Store
from training.config import Recipe, load_recipe, recipe_names
from training.describe import known_classes
from training.network import Network, build_network
from training.settings import AugmentSettings

NAMES = [
    "cats-dogs", "cats-dogs-tutorial", "cifar10", "cifar10-tutorial-a", "cifar10-tutorial-b", "cifar10-tutorial-c",
    "cifar10-vgg16", "fashion-mnist", "fashion-mnist-vgg16", "flowers", "flowers-tutorial", "folder", "intel-tutorial",
    "intel-vgg16", "intel-vgg16-tutorial", "letters",
]  # fmt: skip
VGG16_FEATURES = " ".join(
    " ".join([*[f"3x3:{width}:same relu"] * convolutions, "pool2"])
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
)
# What each tutorial says: the network as above, the side of its images, epochs, batch, and how images are changed.
TUTORIALS = {
    "cifar10-tutorial-a": (
        "3x3:32:valid relu pool2 3x3:64:valid relu pool2 3x3:64:valid relu dense64 relu dense10", 32, (5, None, 32), {}
    ),
    "cifar10-tutorial-b": (
        "3x3:32:valid relu pool2 3x3:32:valid relu pool2 dense64 relu dense10", 32, (5, None, 32), {}
    ),
    "cifar10-tutorial-c": (
        "4x4:32:same relu pool2 4x4:64:same relu pool2 dense1024 relu dropout0.5 dense10", 32, (1, 500, 100), {}
    ),
    "cats-dogs-tutorial": (
        "3x3:32:valid relu pool2 3x3:32:valid relu pool2 dense128 relu dense2",
        64, (25, 250, 32), {"flip": "random", "shear": 11.5, "zoom": 0.2},
    ),
    "flowers-tutorial": (
        "3x3:32:valid relu pool2 3x3:64:valid relu pool2 3x3:128:valid relu pool2 3x3:128:valid relu pool2 "
        "dense512 relu dense5", 150, (15, None, 32), {},
    ),
    "intel-tutorial": (
        "3x3:32:valid relu pool2 3x3:32:valid relu pool2 dense128 relu dense6", 150, (5, None, 32), {}
    ),
    "intel-vgg16-tutorial": (
        f"{VGG16_FEATURES} average4 dense256 relu dropout0.5 dense6", 150, (5, None, 32), {"flip": "random"}
    ),
}  # fmt: skip
CLASSES = {"cats-dogs": 2, "flowers": 5, "intel": 6}


def build(recipe: Recipe, classes: int) -> Network:
    """The network without weights: a tensor is a shape on this device, and nothing is computed."""
    with torch.device("meta"):
        return build_network(recipe, classes).eval()


def outline(network: Network) -> str:
    """The layers in their order, in the words of a tutorial."""
    leaves = (layer for layer in network.body.modules() if not list(layer.children()))
    return " ".join(_word(layer) for layer in leaves if not isinstance(layer, nn.Flatten))


def _word(layer: nn.Module) -> str:
    match layer:
        case nn.Conv2d():
            padding = {(0, 0): "valid", (1, 1): "same"}.get(layer.padding, layer.padding)
            return f"{layer.kernel_size[0]}x{layer.kernel_size[1]}:{layer.out_channels}:{padding}"
        case nn.MaxPool2d():
            return f"pool{layer.kernel_size}"
        case nn.AdaptiveAvgPool2d():
            return f"average{layer.output_size}"
        case nn.Linear():
            return f"dense{layer.out_features}"
        case nn.Dropout():
            return f"dropout{layer.p}"
    return type(layer).__name__.lower()


def test_all_recipes_are_there() -> None:
    assert recipe_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_says_what_it_is_and_builds_a_network_that_answers(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.description
    classes = known_classes(recipe.data) or 7
    height, width, channels = recipe.input.shape
    assert build(recipe, classes)(torch.zeros(3, channels, height, width, device="meta")).shape == (3, classes)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_recipe_begins_with_is_to_be_had(name: str) -> None:
    weights = load_recipe(name).transfer.weights
    if weights in {None, "imagenet"}:
        return
    # A model that the store has; or that of another recipe, which anybody can train and publish under its name.
    assert parse_ref(weights).name in {*Store(default_root()).names(), *recipe_names()} - {name}


def test_each_tutorial_has_its_recipe() -> None:
    assert [name for name in NAMES if "tutorial" in name] == sorted(TUTORIALS)


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorials_recipe_is_as_the_tutorial_describes_it(name: str) -> None:
    layers, side, (epochs, steps, batch_size), changes = TUTORIALS[name]
    recipe = load_recipe(name)
    classes = next((count for data, count in CLASSES.items() if name.startswith(data)), 10)
    assert outline(build(recipe, classes)) == layers
    assert recipe.input.shape == (side, side, 3)
    assert (recipe.fit.epochs, recipe.fit.steps, recipe.fit.batch_size) == (epochs, steps, batch_size)
    assert recipe.augment == AugmentSettings.model_validate(changes)
    # None of them has more than this: plain Adam at Keras's rate, the loss of the labels. Only which epoch is measured
    # is ours: a tutorial gives what its last one reached.
    optimizer = (recipe.optimizer.name, recipe.optimizer.learning_rate, recipe.optimizer.weight_decay)
    assert (optimizer, recipe.schedule.name) == (("adam", 0.001, 0), "constant")
    assert (recipe.fit.label_smoothing, recipe.fit.average, recipe.fit.balance) == (0, 0, "none")


def test_only_the_tutorial_with_vgg16_begins_with_features_and_it_never_changes_them() -> None:
    given = {name: load_recipe(name).transfer for name in TUTORIALS if load_recipe(name).transfer.weights}
    assert list(given) == ["intel-vgg16-tutorial"]
    assert (given["intel-vgg16-tutorial"].weights, given["intel-vgg16-tutorial"].freeze) == ("imagenet", 5)


@pytest.mark.parametrize(
    ("name", "classes", "parameters"),
    [
        ("cifar10-tutorial-a", 10, 122_570),  # as TensorFlow's tutorial prints
        ("cats-dogs-tutorial", 2, 813_217 + 129),  # Keras counts 813,217 with one sigmoid in place of two classes
    ],
)
def test_the_parameters_are_as_many_as_keras_counts(name: str, classes: int, parameters: int) -> None:
    network = build(load_recipe(name), classes)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
