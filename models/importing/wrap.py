"""The graph of a version around that of a classifier: pixels in, probabilities out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from models.importing.interface import Interface
from models.importing.names import fresh_name, rename
from models.manifest import Activation

_BATCH = "N"
_PIXELS, _PROBABILITIES = "pixels", "probabilities"
_IR_VERSION = 8  # from 4 on, weights are not inputs as well, which would keep them from being folded


def wrap(
    model: onnx.ModelProto,
    interface: Interface,
    normalisation: tuple[Sequence[float], Sequence[float]],
    classes: int,
    activation: Activation,
) -> None:
    """Put what ``interface`` asks for before ``model``, and ``activation`` behind it, in place.

    ``normalisation`` is (mean, std) of values from 0 to 1.
    """
    graph = model.graph
    output = next(value for value in graph.output if value.name == interface.output)
    before, after = _Chain(graph, "before"), _Chain(graph, "after")
    _normalise(before, interface, normalisation)
    _answer(after, output.type.tensor_type, activation)
    moved = {name: _move_away(graph, name) for name in (_PIXELS, _PROBABILITIES)}
    taken, given = (moved.get(name, name) for name in (interface.input, interface.output))
    nodes = [*before.between(_PIXELS, taken), *graph.node, *after.between(given, _PROBABILITIES)]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    shape: list[str | int | None] = [_BATCH, *interface.spec.shape]
    graph.input.append(helper.make_tensor_value_info(_PIXELS, TensorProto.UINT8, shape))
    graph.output.append(helper.make_tensor_value_info(_PROBABILITIES, TensorProto.FLOAT, [_BATCH, classes]))
    model.ir_version = max(model.ir_version, _IR_VERSION)


class _Chain:
    """Nodes that each take what the last one gives, and perhaps a constant; ``name`` begins the names of all."""

    def __init__(self, graph: onnx.GraphProto, name: str) -> None:
        self._graph = graph
        self._prefix = fresh_name(graph, f"whatsit_{name}")
        self._nodes: list[onnx.NodeProto] = []

    def then(self, kind: str, *constants: ArrayLike, **attributes: Any) -> None:
        """Add a node that takes ``constants`` after what comes from the last one."""
        inputs = [self._current, *map(self.constant, constants)]
        self._nodes.append(helper.make_node(kind, inputs, [self._name(len(self._nodes))], **attributes))

    def complement(self) -> None:
        """Of the probability of the second of two classes, ``[N, 1]``, make those of both."""
        second = self._current
        self._nodes.append(
            helper.make_node("Sub", [self.constant(np.ones(1, np.float32)), second], [self._name(len(self._nodes))])
        )
        self._nodes.append(helper.make_node("Concat", [self._current, second], [self._name(len(self._nodes))], axis=1))

    def constant(self, value: ArrayLike) -> str:
        """Keep a constant, and return its name."""
        name = f"{self._prefix}_constant_{len(self._graph.initializer)}"
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def between(self, first: str, last: str) -> list[onnx.NodeProto]:
        """The nodes, of which the first takes ``first`` and the last gives ``last``."""
        nodes = self._nodes or [helper.make_node("Identity", [self._name(-1)], [self._name(0)])]
        ends = {self._name(-1): first, nodes[-1].output[0]: last}
        for node in nodes:
            for names in (node.input, node.output):
                names[:] = [ends.get(name, name) for name in names]
        return nodes

    @property
    def _current(self) -> str:
        return self._name(len(self._nodes) - 1)

    def _name(self, place: int) -> str:
        return f"{self._prefix}_{place}"


def _move_away(graph: onnx.GraphProto, name: str) -> str:
    """Give what is called ``name`` in the graph another one, and return that."""
    free = fresh_name(graph, name)
    if free != name:
        rename(graph, name, free)
    return free


def _normalise(chain: _Chain, interface: Interface, normalisation: tuple[Sequence[float], Sequence[float]]) -> None:
    """From pixels to what the network takes; sides and channels change places while values are single bytes."""
    if interface.reversed:
        chain.then("Gather", np.array([2, 1, 0]), axis=3)
    if interface.layout == "nchw":
        chain.then("Transpose", perm=[0, 3, 1, 2])
    if interface.dtype is np.uint8:
        return
    chain.then("Cast", to=TensorProto.FLOAT)
    # (value / 255 - mean) / std, of values from 0 to 255.
    mean, std = (np.asarray(values, np.float64) * 255 for values in normalisation)
    shape = (-1, 1, 1) if interface.layout == "nchw" else (1, 1, -1)
    if mean.any():
        chain.then("Sub", np.float32(mean).reshape(shape))
    if (std != 1).any():
        chain.then("Div", np.float32(std).reshape(shape))
    if interface.dtype is np.float16:
        chain.then("Cast", to=TensorProto.FLOAT16)


def _answer(chain: _Chain, given: onnx.TypeProto.Tensor, activation: Activation) -> None:
    """From what the network gives to probabilities."""
    if given.elem_type != TensorProto.FLOAT:
        chain.then("Cast", to=TensorProto.FLOAT)
    if len(given.shape.dim) != 2:
        chain.then("Flatten", axis=1)
    match activation:
        case "softmax":
            chain.then("Softmax", axis=1)
        case "sigmoid":
            chain.then("Sigmoid")
            chain.complement()
        case "complement":
            chain.complement()
