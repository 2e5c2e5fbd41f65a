import numpy as np
import onnx
import pytest
import torch

from models.manifest import InputSpec
from models.runtime import Session, open_session
from tests.training.support import tiny_recipe
from training.errors import ExportMismatch
from training.export import Served, export
from training.network import Network, build_network, measure
from training.parity import check_parity
from training.run import Run

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    recipe = tiny_recipe(tmp_path_factory.mktemp("recipe"))
    torch.manual_seed(0)
    network = build_network(recipe, 3)
    measure(network, PIXELS, np.arange(9), recipe)
    network(torch.rand(64, 3, 16, 16))  # gives the batch norms something to remember
    return network.eval()


def test_the_graph_is_self_contained_and_tells_nothing_of_this_machine(finished: Run) -> None:
    model = onnx.load(finished.graph, load_external_data=False)
    assert [value.name for value in model.graph.input] == ["pixels"]
    assert [value.name for value in model.graph.output] == ["probabilities"]
    assert {opset.domain for opset in model.opset_import} == {""}
    assert not any(node.op_type == "BatchNormalization" for node in model.graph.node[-8:])
    assert b".py" not in finished.graph.read_bytes()


def test_probabilities_are_calibrated_inside(finished: Run) -> None:
    sums = open_session(finished.graph).run(PIXELS).sum(axis=1)
    assert np.allclose(sums, 1, atol=1e-5)


@pytest.fixture(scope="module")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The network at the temperature 1.7, as a graph."""
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    export(Served(network, 1.7), InputSpec(height=16, width=16), path)
    return open_session(path)


def test_parity_holds_and_says_how_closely(network: Network, exported: Session) -> None:
    assert 0 < check_parity(Served(network, 1.7), exported, PIXELS) < 1e-5


def test_another_temperature_is_another_graph(network: Network, exported: Session) -> None:
    with pytest.raises(ExportMismatch, match="torch and the exported graph differ by"):
        check_parity(Served(network, 0.5), exported, PIXELS)


def test_no_number_is_no_parity(network: Network, exported: Session) -> None:
    with pytest.raises(ExportMismatch, match="nan"):
        check_parity(Served(network, float("nan")), exported, PIXELS)


def test_a_batch_must_give_what_its_images_give_alone(network: Network, exported: Session) -> None:
    class Leaking:
        """Adds to every image's answer something of the batch it came in."""

        def run(self, pixels: np.ndarray) -> np.ndarray:
            return exported.run(pixels) + np.float32(2e-4 * (len(pixels) == 1))

    with pytest.raises(ExportMismatch, match=r"a batch and its images one by one differ by 0\.0002"):
        check_parity(Served(network, 1.7), Leaking(), PIXELS)
