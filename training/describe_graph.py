"""The nodes of a published graph, with the shapes that ONNX's shape inference finds; needs no torch."""

import math
from collections.abc import Mapping, Sequence

import onnx
from onnx import shape_inference

from models.store import Store
from training.description import Description, Row
from training.graph import GraphFile, Values, open_graph

# How many of a node's constants have been learnt; the other two of a batch norm are statistics.
_LEARNT = {"Conv": 2, "Gemm": 2, "MatMul": 1, "BatchNormalization": 2}
_PRODUCTS = {"Conv", "Gemm", "MatMul"}


def describe_version(store: Store, name: str, version: int) -> Description:
    """The most exact graph of a version; raises NotFound, or a BundleError when it is not what was published."""
    file, manifest = open_graph(store, name, version), store.manifest(name, version)
    rows = describe_nodes(file)
    return Description(
        subject=f"{name}@{version} ({manifest.reference})",
        input=manifest.input.shape,
        classes=len(manifest.labels),
        layers=rows,
        parameters=sum(row.parameters for row in rows),
        trainable=None,
        multiply_adds=sum(row.multiply_adds for row in rows),
        bytes=file.path.stat().st_size,
    )


def describe_nodes(file: GraphFile) -> tuple[Row, ...]:
    """One row for each node that depends on the image."""
    shapes = _shapes(file.model)
    return tuple(_row(node, file.values(node)[: _LEARNT.get(node.op_type, 0)], shapes) for node in file.nodes)


def _row(node: onnx.NodeProto, weights: Sequence[Values], shapes: Mapping[str, tuple[int, ...]]) -> Row:
    shape = shapes.get(node.output[0], ())
    kernel = ["x".join(map(str, part.ints)) for part in node.attribute if part.name == "kernel_shape"]
    return Row(
        name=_name(node) if weights else node.output[0],
        kind=" ".join([node.op_type, *kernel]),
        output=shape[1:],
        parameters=sum(values.size for values in weights),
        multiply_adds=_multiply_adds(node.op_type, weights[0].size, shape) if weights else 0,
    )


def _name(node: onnx.NodeProto) -> str:
    """The name of the layer that the weight of a node belongs to, as training knows it, without the outer modules."""
    owner = str(node.input[1]).partition(".weight")[0]
    return owner.removeprefix("network.").removeprefix("body.")


def _multiply_adds(kind: str, size: int, shape: tuple[int, ...]) -> int:
    """Each weight of a convolution takes part once for each pixel, of a matrix once for each row of the other."""
    if kind not in _PRODUCTS:
        return 0
    return size * math.prod(shape[2:] if kind == "Conv" else shape[1:-1])


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The shapes of all values for a batch of one image; a side that is not known is 0."""
    single = onnx.ModelProto()
    single.CopyFrom(model)
    del single.graph.value_info[:]  # those of the exporter, with a batch of any size
    for value in (*single.graph.input, *single.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    inferred = shape_inference.infer_shapes(single, data_prop=True).graph
    return {
        value.name: tuple(side.dim_value for side in value.type.tensor_type.shape.dim)
        for value in (*inferred.value_info, *inferred.output)
    }
