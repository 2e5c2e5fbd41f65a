"""The layers of an exported graph, and the normalisation before them."""

import numpy as np
import onnx
import torch
from torch import Tensor

from models.errors import UnsafeGraph
from training.graph import GraphFile, Values
from training.layers import Layer, Norm

_SAME_VALUES = {"Transpose", "Cast"}


def read_layers(file: GraphFile) -> list[Layer]:
    """The layers of a graph, in their order."""
    found: list[Layer] = []
    for node in file.nodes:
        if node.op_type in {"Conv", "Gemm"}:
            weight, *bias = map(_tensor, file.values(node))
            turned = node.op_type == "Gemm" and not _attribute(node, "transB")
            found.append(Layer(weight.T if turned else weight, bias[0] if bias else None))
        elif node.op_type == "BatchNormalization" and found:
            found[-1].norm = Norm(*map(_tensor, file.values(node)))
    return found


def read_normalisation(file: GraphFile) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, ``[channels]`` each, that the graph normalises images in 0..1 with.

    They are read off what the graph does to the pixels before anything else. Raises UnsafeGraph when that is not to
    scale and shift them.
    """
    scale, shift = np.array(255.0), np.array(0.0)  # of an image in 0..1; the graph is given 0..255
    current = file.model.graph.input[0].name
    for node in file.nodes:
        if current not in node.input or node.op_type == "Shape":
            continue
        current = node.output[0]
        constants = [np.asarray(value, np.float64).ravel() for value in file.values(node)]
        match node.op_type, constants:
            case ("Sub", [value]):
                shift = shift - value
            case ("Div", [value]):
                scale, shift = scale / value, shift / value
            case (kind, []) if kind in _SAME_VALUES:
                continue
            case _:
                break
    channels = file.model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    if scale.size not in {1, channels} or not np.all(scale > 0):
        raise UnsafeGraph("the graph does not normalise its input channel by channel")
    # The exporter leaves out what changes nothing: a mean of 0, a standard deviation of 1.
    scale, shift = np.broadcast_to(scale, channels), np.broadcast_to(shift, channels)
    return _tensor(-shift / scale), _tensor(1 / scale)


def _attribute(node: onnx.NodeProto, name: str) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), 0)


def _tensor(value: Values) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
