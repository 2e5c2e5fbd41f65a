"""ONNX classifiers as other frameworks export them: they know colours, if their images are normalised as they want."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.support.graphs import OPSET, nearest_colour

LABELS = ("red", "green", "blue")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def classifier(
    labels: Sequence[str] = LABELS,
    *,
    layout: str = "nchw",
    size: int | str | None = 8,
    batch: int | str | None = "batch",
    dtype: str = "float32",
    mean: Sequence[float] = MEAN,
    std: Sequence[float] = STD,
    bgr: bool = False,
    ends_in: str = "logits",
    reshape: Sequence[int] | None = None,
    names: tuple[str, str] = ("input.1", "output"),
    opset: int = OPSET,
    allow_zero: bool = False,
) -> onnx.ModelProto:
    """The mean colour of a normalised image, brought back to 0..1, and the nearest of the colours of ``labels``.

    ``ends_in`` is ``logits``, ``softmax``, ``sigmoids``, or ``sigmoid``: one value for the second of two labels.
    ``reshape`` is the shape that the answers are brought to, ``bgr`` says that it takes blue first.
    """
    taken, given = names
    sides = [size, size, len(mean)] if layout == "nhwc" else [len(mean), size, size]
    weight, bias = nearest_colour(labels, len(mean), 10.0)
    order = np.array([2, 1, 0] if bgr else range(len(mean)))
    if ends_in in {"sigmoid", "logit"}:  # the difference of the two
        weight, bias = weight[:, 1:] - weight[:, :1], bias[1:] - bias[:1]
    constants = {
        "std": np.float32(std) if dtype != "uint8" else np.float32(1 / 255),
        "mean": np.float32(mean) if dtype != "uint8" else np.float32(0),
        "weight": weight[order],
        "bias": bias,
        "shape": np.array(reshape or [0, -1], np.int64),
    }
    last = {"softmax": "Softmax", "sigmoids": "Sigmoid", "sigmoid": "Sigmoid"}.get(ends_in, "Identity")
    axes = [1, 2] if layout == "nhwc" else [2, 3]
    nodes = [
        helper.make_node("Cast", [taken], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["colour"], keepdims=0)
        if opset >= 18
        else helper.make_node("ReduceMean", ["float"], ["colour"], keepdims=0, axes=axes),
        helper.make_node("Mul", ["colour", "std"], ["scaled"]),
        helper.make_node("Add", ["scaled", "mean"], ["shifted"]),
        helper.make_node("MatMul", ["shifted", "weight"], ["likeness"]),
        helper.make_node("Add", ["likeness", "bias"], ["logits"]),
        helper.make_node("Reshape", ["logits", "shape"], ["reshaped"], **({"allowzero": 1} if allow_zero else {})),
        helper.make_node(last, ["reshaped"], ["answers"]),
        helper.make_node("Cast", ["answers"], [given], to=_output_type(dtype)),
    ]
    if opset >= 18:
        constants["axes"] = np.array(axes, np.int64)
    shape = [batch, *reshape[1:]] if reshape else [batch, len(bias)]
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info(taken, _TYPES[dtype], [batch, *sides])],
        [helper.make_tensor_value_info(given, _output_type(dtype), [None if side == -1 else side for side in shape])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model.producer_name, model.producer_version = "pytorch", "2.0.0"
    return model


def _output_type(dtype: str) -> int:
    return TensorProto.FLOAT16 if dtype == "float16" else TensorProto.FLOAT
