"""Exported networks with random weights, as a recipe would have them; each is made once, and not to be changed."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from tests.training.support import tiny_recipe
from training.export import Served, export
from training.network import build_network

Exporter = Callable[..., Path]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exporter:
    """Gives the graph of the tiny recipe's network, changed as ``--set`` would."""

    @cache
    def make(*changes: str) -> Path:
        torch.manual_seed(1)
        folder = tmp_path_factory.mktemp("exported")
        recipe = tiny_recipe(folder, *changes)
        export(Served(build_network(recipe, 3), 1.3), recipe.input, folder / "model.onnx")
        return folder / "model.onnx"

    return make


@pytest.fixture(
    params=[
        (),
        ("architecture.activation=gelu", "architecture.head={pool='average'}"),
        ("architecture.head={pool='none', dense=[8]}",),
    ],
    ids=["as it is", "gelu and averages", "dense"],
)
def any_graph(request: pytest.FixtureRequest, exported: Exporter) -> Path:
    """The graph of one of several architectures."""
    return exported(*request.param)
