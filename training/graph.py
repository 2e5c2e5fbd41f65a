"""An exported ONNX graph, read for the weights in it, whatever its precision."""

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor

from models.errors import UnsafeGraph
from models.graph_file import inspect_graph
from models.runtime import read_graph
from training.layers import Layer, Norm

_PLACES_ONLY = {"Transpose", "Cast"}  # change where or what a value is, not the value


class GraphFile:
    """A graph and all values in it that do not depend on its input, computed.

    So a weight is found alike where it is an initialiser, one of half precision that is cast, or a quantised one with
    its scale. Raises UnsafeGraph when the file may not be opened.
    """

    def __init__(self, path: Path) -> None:
        data = read_graph(path)
        inspect_graph(data)
        self.model = onnx.load_model_from_string(data)
        graph = self.model.graph
        self.constants: dict[str, NDArray[np.generic]] = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.nodes = [node for node in graph.node if not self._is_constant(node)]

    def values(self, node: onnx.NodeProto) -> list[NDArray[np.generic]]:
        """The constants that a node takes, in their order."""
        return [self.constants[name] for name in node.input if name in self.constants]

    def _is_constant(self, node: onnx.NodeProto) -> bool:
        names = [name for name in node.input if name]
        if any(name not in self.constants for name in names):
            return False
        found = ReferenceEvaluator(node).run(None, {name: self.constants[name] for name in names})
        self.constants |= dict(zip(node.output, found, strict=True))
        return True


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

    They are read off what the graph does to a pixel before anything else. Raises UnsafeGraph when that is not to scale
    and shift it.
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
            case (kind, []) if kind in _PLACES_ONLY:
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


def _tensor(value: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
