"""Half precision: weights and what is between them in float16, pixels' scaling and softmax in float32.

onnxruntime's own converter rounds what it was told to leave alone as well, the probabilities among it, for it casts
after every single node. The graphs here are made by one exporter, all layers in one piece, so two casts are enough.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from training.variants.layers import weighted

_TO_HALF, _TO_FLOAT = ".half", ".float"


def halve(graph: Path) -> bytes:
    """The graph in ``graph`` with its layers in float16, from the first one with weights to the last."""
    model = onnx.load(graph)
    nodes = list(model.graph.node)
    layers = weighted(model)
    first, last = nodes.index(layers[0]), nodes.index(layers[-1])
    head, body, tail = nodes[:first], nodes[first : last + 1], nodes[last + 1 :]
    into = _cross(_floats(model), head, body)
    out = _cross(_floats(model), body, tail)
    _halve_weights(model, body, [*head, *tail])
    for node in body:
        _rename(node, {name: name + _TO_HALF for name in into})
        _halve_casts(node)
    for node in tail:
        _rename(node, {name: name + _TO_FLOAT for name in out})
    casts_in = [_cast(name, name + _TO_HALF, TensorProto.FLOAT16) for name in into]
    casts_out = [_cast(name, name + _TO_FLOAT, TensorProto.FLOAT) for name in out]
    del model.graph.node[:]
    model.graph.node.extend([*head, *casts_in, *body, *casts_out, *tail])
    del model.graph.value_info[:]  # they tell of float32
    return bytes(model.SerializeToString())


def _floats(model: onnx.ModelProto) -> set[str]:
    """The tensors in float32 that nodes give to nodes."""
    known = shape_inference.infer_shapes(model).graph.value_info
    return {value.name for value in known if value.type.tensor_type.elem_type == TensorProto.FLOAT}


def _cross(floats: set[str], before: list[onnx.NodeProto], after: list[onnx.NodeProto]) -> list[str]:
    """The tensors in float32 that one part of the graph gives to another."""
    given = {name for node in before for name in node.output}
    return sorted({name for node in after for name in node.input} & given & floats)


def _halve_weights(model: onnx.ModelProto, body: list[onnx.NodeProto], others: list[onnx.NodeProto]) -> None:
    """Give the layers weights in float16, of their own where another part of the graph has the same ones."""
    used = {name for node in body for name in node.input}
    elsewhere = {name for node in others for name in node.input}
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or tensor.name not in used:
            continue
        name = tensor.name + _TO_HALF if tensor.name in elsewhere else tensor.name
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), name)
        if name == tensor.name:
            tensor.CopyFrom(half)
            continue
        model.graph.initializer.append(half)
        for node in body:
            _rename(node, {tensor.name: name})


def _halve_casts(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16


def _rename(node: onnx.NodeProto, names: dict[str, str]) -> None:
    node.input[:] = [names.get(name, name) for name in node.input]


def _cast(taken: str, given: str, to: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [taken], [given], name=f"cast {given}", to=to)
