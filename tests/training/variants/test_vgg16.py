"""VGG16 becomes a graph, and graphs of lower precision, whatever size its features are averaged to."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from models.preprocess import Pixels
from models.runtime import Session, open_session
from tests.training.support import tiny_recipe
from training.export import Served, export
from training.network import build_network, measure
from training.parity import check_parity
from training.variants.fp16 import halve
from training.variants.int8 import quantise
from training.variants.layers import weighted


# With batch norm and a pool of one pixel; with pools of as many pixels as are left of the image, and of more of them.
@pytest.mark.parametrize(("side", "pool", "batch_norm"), [(32, 1, "true"), (128, 4, "false"), (128, 7, "false")])
@pytest.mark.usefixtures("narrow_vgg16")
def test_every_pool_is_exported_with_parity_and_made_in_every_precision(
    side: int, pool: int, batch_norm: str, tmp_path: Path
) -> None:
    architecture = f"architecture={{name='vgg16', batch_norm={batch_norm}, pool={pool}, dense=[12]}}"
    recipe = tiny_recipe(tmp_path, f"input.height={side}", f"input.width={side}", architecture)
    torch.manual_seed(0)
    network = build_network(recipe, 3)
    for layer in network.modules():
        if isinstance(layer, nn.Linear):  # as it begins, it answers nearly the same whatever it is shown
            nn.init.kaiming_normal_(layer.weight)
    pixels = _images(side)
    measure(network, pixels, np.arange(len(pixels)), recipe)
    served, graph = Served(network, 1.3), tmp_path / "model.onnx"
    export(served, recipe.input, graph)
    exact = open_session(graph)
    assert check_parity(served, exact, pixels) < 1e-5
    answers = exact.run(pixels)
    assert answers.std(axis=0).max() > 0.05, "else nothing below could fail"
    half, small = halve(graph), quantise(graph, pixels)
    assert np.abs(Session(half).run(pixels) - answers).max() < 1e-3
    assert np.abs(Session(small).run(pixels) - answers).max() < 0.03
    assert _in_eight_bits(small) == [False, *[True] * 13, False], "thirteen convolutions and two dense layers"


def _images(side: int) -> Pixels:
    """Noise of six grains: the features of noise of one grain are all alike."""
    rng = np.random.default_rng(0)
    grains = [side >> halvings for halvings in range(6)]
    noise = [rng.integers(0, 256, (grain, grain, 3), np.uint8) for grain in grains]
    return np.stack([np.kron(image, np.ones((side // len(image),) * 2 + (1,), np.uint8)) for image in noise])


def _in_eight_bits(graph: bytes) -> list[bool]:
    model = onnx.load_from_string(graph)
    constants = {tensor.name for tensor in model.graph.initializer}
    return [layer.input[1] not in constants for layer in weighted(model)]
