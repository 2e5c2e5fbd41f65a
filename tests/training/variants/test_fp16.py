"""Half precision where the layers are, full precision before and after, and nearly the same answers."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from models.manifest import InputSpec
from models.preprocess import Pixels
from models.runtime import Session
from tests.support.graphs import constant_graph
from tests.training.variants.conftest import Exporter
from training.errors import VariantFailed
from training.variants.fp16 import halve

IMAGES: Pixels = np.random.default_rng(1).integers(0, 256, (24, 16, 16, 3), np.uint8)


def test_the_answers_are_nearly_the_same(any_graph: Path) -> None:
    half = halve(any_graph)
    onnx.checker.check_model(onnx.load_from_string(half), full_check=True)
    session = Session(half)
    session.check_signature(InputSpec(height=16, width=16), 3)
    difference = np.abs(session.run(IMAGES) - Session(any_graph.read_bytes()).run(IMAGES)).max()
    assert 0 < difference < 2e-3


def test_layers_are_halved_and_what_is_around_them_is_not(exported: Exporter) -> None:
    graph = exported()
    half = onnx.load_from_string(halve(graph))
    types = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    of_layers = [types[name] for node in half.graph.node if node.op_type in {"Conv", "Gemm"} for name in node.input[1:]]
    assert set(of_layers) == {TensorProto.FLOAT16}
    assert TensorProto.FLOAT in types.values(), "the mean of the images, for one"
    casts = [node for node in half.graph.node if node.op_type == "Cast"]
    assert [attribute.i for node in casts[-2:] for attribute in node.attribute] == [
        *(TensorProto.FLOAT16, TensorProto.FLOAT)
    ]
    assert half.graph.node[-1].op_type == "Softmax"
    assert half.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    assert len(half.SerializeToString()) < 0.7 * graph.stat().st_size


def test_a_constant_that_a_layer_shares_with_what_is_around_it_is_there_in_both(
    exported: Exporter, tmp_path: Path
) -> None:
    """The temperature divides the logits, and here also what the first layer gives."""
    model = onnx.load(exported())
    first = next(index for index, node in enumerate(model.graph.node) if node.op_type == "Conv")
    temperature = next(node for node in reversed(model.graph.node) if node.op_type == "Div").input[1]
    given = model.graph.node[first].output[0]
    model.graph.node[first].output[0] = "before"
    model.graph.node.insert(first + 1, helper.make_node("Div", ["before", temperature], [given], name="between"))
    graph = tmp_path / "shared.onnx"
    onnx.save(model, graph)
    half = halve(graph)
    onnx.checker.check_model(onnx.load_from_string(half), full_check=True)
    assert np.abs(Session(half).run(IMAGES) - Session(graph.read_bytes()).run(IMAGES)).max() < 2e-3


def test_a_graph_without_layers_has_no_variant(tmp_path: Path) -> None:
    onnx.save(constant_graph([0.5, 0.5]), tmp_path / "model.onnx")
    with pytest.raises(VariantFailed, match="no layer with weights"):
        halve(tmp_path / "model.onnx")
