"""Eight bits between the first layer and the last, written in ONNX's own operators, and nearly the same answers."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from models.manifest import InputSpec
from models.preprocess import Pixels
from models.runtime import Session
from tests.training.variants.conftest import Exporter
from training.errors import VariantFailed
from training.variants.int8 import quantise

IMAGES: Pixels = np.random.default_rng(1).integers(0, 256, (24, 16, 16, 3), np.uint8)


def test_the_answers_are_nearly_the_same(any_graph: Path) -> None:
    session = Session(quantise(any_graph, IMAGES))  # which refuses foreign domains
    session.check_signature(InputSpec(height=16, width=16), 3)
    difference = np.abs(session.run(IMAGES) - Session(any_graph.read_bytes()).run(IMAGES)).max()
    assert 0 < difference < 0.05


def test_what_lies_between_the_first_and_the_last_layer_is_in_eight_bits(exported: Exporter) -> None:
    graph = exported()
    small = quantise(graph, IMAGES)
    model = onnx.load_from_string(small)
    onnx.checker.check_model(model, full_check=True)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    given = {name: node for node in model.graph.node for name in node.output}
    layers = [node for node in model.graph.node if node.op_type in {"Conv", "Gemm"}]
    assert [layer.input[1] in constants for layer in layers] == [True, False, False, False, True]
    for layer in layers[1:-1]:
        weight, scale, zero = (constants[name] for name in given[layer.input[1]].input)
        assert (weight.data_type, zero.data_type) == (TensorProto.INT8, TensorProto.INT8)
        assert list(scale.dims) == [weight.dims[0]], "a scale for each output channel"
        assert constants[given[layer.input[0]].input[2]].data_type == TensorProto.UINT8
        if len(layer.input) == 3:
            assert given[layer.input[2]].input[0] in constants, "biases are constants"
    assert len(small) < graph.stat().st_size


def test_nothing_is_left_of_the_machine_that_made_it(exported: Exporter) -> None:
    small = quantise(exported(), IMAGES)
    assert not any(trace in small for trace in (b"/tmp", b".py", b"whatsit-int8"))
    model = onnx.load_from_string(small)
    assert {entry.domain for entry in model.opset_import} == {""}


def test_the_same_images_give_the_same_graph(exported: Exporter) -> None:
    graph = exported()
    assert quantise(graph, IMAGES) == quantise(graph, IMAGES)


def test_two_layers_leave_nothing_between(exported: Exporter) -> None:
    graph = exported('architecture={name="cnn", blocks=[{channels=4}]}')
    with pytest.raises(VariantFailed, match="between the first and the last"):
        quantise(graph, IMAGES)
