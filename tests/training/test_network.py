from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.support import tiny_recipe
from training.data.augment import to_unit
from training.network import build_network, measure


def test_normalisation_is_that_of_the_training_images_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 200, (300, 16, 16, 3), dtype=np.uint8)
    pixels[200:] = 255  # not of the training split
    network = build_network(tiny_recipe(tmp_path), 3)
    measure(network, pixels, np.arange(200), tiny_recipe(tmp_path))
    normalised = network.normalise(to_unit(torch.from_numpy(pixels[:200])))
    assert normalised.mean((0, 2, 3)).abs().max() < 1e-4
    assert (normalised.std((0, 2, 3)) - 1).abs().max() < 1e-4


def test_flat_images_are_not_divided_by_nothing(tmp_path: Path) -> None:
    network = build_network(tiny_recipe(tmp_path), 3)
    measure(network, np.full((8, 16, 16, 3), 7, np.uint8), np.arange(8), tiny_recipe(tmp_path))
    assert torch.isfinite(network(torch.rand(2, 3, 16, 16))).all()
    assert network.std.min() == pytest.approx(1 / 255)


def test_what_was_measured_is_saved_with_the_weights(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    first, second = build_network(recipe, 3), build_network(recipe, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    measure(first, pixels, np.arange(20), recipe)
    second.load_state_dict(first.state_dict())
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(first.eval()(images), second.eval()(images))


def test_measuring_gives_back_the_images_and_needs_no_stem(tmp_path: Path) -> None:
    changes = ["input.height=32", "input.width=32", "architecture={name='vgg16', dense=[], pool=1}"]
    recipe = tiny_recipe(tmp_path, *changes)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    images = measure(build_network(recipe, 3), pixels, np.array([1, 4]), recipe)
    assert torch.equal(images, to_unit(torch.from_numpy(pixels[[1, 4]])))
