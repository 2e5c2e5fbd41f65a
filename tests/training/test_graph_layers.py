from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import nn

from models.errors import UnsafeGraph
from tests.training.support import tiny_recipe
from training.export import Served, export
from training.graph import GraphFile
from training.graph_layers import read_layers, read_normalisation
from training.layers import Layer, layers_of
from training.network import Network, build_network

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3), dtype=np.uint8)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Batch norms before and after a pooling, a global average, a dense layer before the head."""
    blocks = "[{channels=6, pool_at='first'}, {channels=8, convolutions=2}]"
    changes = [f"architecture.blocks={blocks}", "architecture.head={dense=[12], pool='average'}"]
    torch.manual_seed(0)
    network = build_network(tiny_recipe(tmp_path_factory.mktemp("recipe"), *changes), 3)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data.uniform_(0.5, 2)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    network.mean.copy_(torch.tensor(MEAN).view(1, 3, 1, 1))
    network.std.copy_(torch.tensor(STD).view(1, 3, 1, 1))
    return network.eval()


@pytest.fixture(scope="module")
def graph(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    recipe = tiny_recipe(tmp_path_factory.mktemp("recipe"))
    export(Served(network, 1.3), recipe.input, path)
    return path


def folded(layer: Layer) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a layer with its batch norm multiplied in."""
    bias = torch.zeros(len(layer.weight)) if layer.bias is None else layer.bias
    if layer.norm is None:
        return layer.weight, bias
    factor = layer.norm.weight / (layer.norm.var + 1e-5).sqrt()
    return layer.weight * factor.view(-1, 1, 1, 1), (bias - layer.norm.mean) * factor + layer.norm.bias


def assert_same_layers(path: Path, network: Network, tolerance: float) -> None:
    found, expected = read_layers(GraphFile(path)), layers_of(network.state_dict())
    assert len(found) == len(expected)
    for one, other in zip(map(folded, found), map(folded, expected), strict=True):
        for left, right in zip(one, other, strict=True):
            assert torch.allclose(left, right, rtol=tolerance, atol=tolerance * right.abs().max())


def test_the_layers_of_a_graph_are_those_of_the_network_with_some_norms_folded(graph: Path, network: Network) -> None:
    assert_same_layers(graph, network, 1e-6)
    assert [layer.norm is not None for layer in read_layers(GraphFile(graph))] == [False, True, *[False] * 4]


def test_normalisation_is_read_off_the_graph(graph: Path) -> None:
    mean, std = read_normalisation(GraphFile(graph))
    assert mean.tolist() == pytest.approx(MEAN, rel=1e-6)
    assert std.tolist() == pytest.approx(STD, rel=1e-6)


def test_weights_of_half_precision_are_read(graph: Path, network: Network, tmp_path: Path) -> None:
    model = onnx.load(graph)
    casts = []
    for initialiser in model.graph.initializer:
        values = numpy_helper.to_array(initialiser)
        if values.ndim > 1 and values.dtype == np.float32:
            halved = f"{initialiser.name}.half"
            casts.append(helper.make_node("Cast", [halved], [initialiser.name], to=TensorProto.FLOAT))
            initialiser.CopyFrom(numpy_helper.from_array(values.astype(np.float16), halved))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, tmp_path / "half.onnx")
    assert_same_layers(tmp_path / "half.onnx", network, 1e-3)


class Reader(CalibrationDataReader):
    def __init__(self) -> None:
        self.batches = iter([{"pixels": PIXELS}])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.batches, None)


def test_quantised_weights_are_read(graph: Path, network: Network, tmp_path: Path) -> None:
    path = tmp_path / "int8.onnx"
    quantize_static(
        graph,
        path,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv", "Gemm"],
    )
    assert_same_layers(path, network, 1 / 127)
    assert read_normalisation(GraphFile(path))[0].tolist() == pytest.approx(MEAN, rel=1e-6)


def test_the_global_average_needs_no_index_arithmetic(graph: Path) -> None:
    kinds = {node.op_type for node in onnx.load(graph).graph.node}
    assert "ReduceMean" in kinds
    assert not kinds & {"Gather", "Range", "Shape"}


def made(nodes: list[onnx.NodeProto], **constants: np.ndarray) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", 4, 4, 2])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])


def test_what_changes_nothing_may_be_left_out_of_a_graph(tmp_path: Path) -> None:
    cast = helper.make_node("Cast", ["pixels"], ["unscaled"], to=TensorProto.FLOAT)
    scale = helper.make_node("Div", ["unscaled", "grey levels"], ["scaled"])
    dense = helper.make_node("Gemm", ["scaled", "weight"], ["out"])
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    constants = {"grey levels": np.array(255, np.float32), "weight": weight}
    onnx.save(made([cast, scale, dense], **constants), tmp_path / "a.onnx")
    file = GraphFile(tmp_path / "a.onnx")
    mean, std = read_normalisation(file)
    assert (mean.tolist(), std.tolist()) == ([0, 0], [1, 1])
    (layer,) = read_layers(file)
    assert layer.weight.tolist() == weight.T.tolist()
    assert layer.bias is None


@pytest.mark.parametrize("factor", [[2.0, -1.0], [1.0, 2.0, 3.0]])
def test_another_normalisation_is_refused(factor: list[float], tmp_path: Path) -> None:
    cast = helper.make_node("Cast", ["pixels"], ["unscaled"], to=TensorProto.FLOAT)
    scale = helper.make_node("Div", ["unscaled", "factor"], ["out"])
    onnx.save(made([cast, scale], factor=np.array(factor, np.float32)), tmp_path / "a.onnx")
    with pytest.raises(UnsafeGraph, match="does not normalise its input channel by channel"):
        read_normalisation(GraphFile(tmp_path / "a.onnx"))


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"nonsense")
    with pytest.raises(UnsafeGraph, match="not a readable ONNX file"):
        GraphFile(path)
