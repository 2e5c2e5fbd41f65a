"""Letting a graph that was exported for a fixed number of images take any."""

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from models.importing.names import fresh_name


def free_batch(graph: onnx.GraphProto, image: str, batch: int) -> None:
    """Take the number ``batch`` out of where exporters write it: reshapes, of what is made of ``image``, to that many.

    The axis of input and output is freed where the graph is wrapped. Whether that is all that was fixed is found out by
    running it.
    """
    constants, reached = dict(_constants(graph)), {image}
    for node in graph.node:
        if reached.isdisjoint(node.input):
            continue
        reached.update(node.output)
        shape = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        if shape is not None and shape.size > 1 and shape[0] == batch:
            node.input[1] = _add(graph, _freed(shape), node.input[1])
            del node.attribute[:]  # allowzero, the only one, would make an empty side of the 0


def _freed(shape: NDArray[np.int64]) -> NDArray[np.int64]:
    """The shape with as many images as there are values for; where another side is counted so, as there were."""
    first = 0 if -1 in shape else -1  # 0 takes over the side of what is reshaped
    return np.array([first, *shape[1:]], np.int64)


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, NDArray[np.int64]]]:
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT64 and len(tensor.dims) == 1:
            yield tensor.name, numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name in {"value", "value_ints"}:
            written = node.attribute[0]
            value = np.array(written.ints) if written.ints else numpy_helper.to_array(written.t)
            if value.dtype == np.int64 and value.ndim == 1:
                yield node.output[0], value


def _add(graph: onnx.GraphProto, shape: NDArray[np.int64], like: str) -> str:
    name = fresh_name(graph, f"{like}_any_batch")
    graph.initializer.append(numpy_helper.from_array(shape, name))
    return name
