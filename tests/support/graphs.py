"""Tiny real ONNX classifiers that know colours; ``bad_graphs`` spoils them.

``colour_graph`` compares the mean colour of the image with one colour for each label and answers the nearest, so that
a test can say which label must come back: a red picture is ``red``. Its knobs make graphs of a
wrong signature.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
}
OPSET = 20
_IR_VERSION = 10
_SHARPNESS = 10.0  # a plain colour scores above 0.999; yellow is half red, half green: "review"


def colour_graph(
    labels: Sequence[str] = ("red", "green", "blue"),
    *,
    height: int = 8,
    width: int = 8,
    channels: int = 3,
    batch: str | int | None = "N",
    sharpness: float = _SHARPNESS,
    input_type: int = TensorProto.UINT8,
    output_type: int = TensorProto.FLOAT,
    names: tuple[str, str] = ("pixels", "probabilities"),
) -> onnx.ModelProto:
    """``pixels`` ``[N, height, width, channels]`` to ``probabilities`` ``[N, labels]`` as a rule."""
    taken, given = names
    weight, bias = nearest_colour(labels, channels, sharpness)
    nodes = [
        helper.make_node("Cast", [taken], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "most"], ["colour"]),
        helper.make_node("MatMul", ["colour", "weight"], ["likeness"]),
        helper.make_node("Add", ["likeness", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
        helper.make_node("Cast", ["scores"], [given], to=output_type),
    ]
    constants = {"axes": np.array([1, 2], np.int64), "most": np.float32(255), "weight": weight, "bias": bias}
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info(taken, input_type, [batch, height, width, channels])],
        [helper.make_tensor_value_info(given, output_type, [batch, len(labels)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return _model(graph)


def nearest_colour(labels: Sequence[str], channels: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """The logits ``-sharpness * |mean - colour|^2`` up to what all classes share, as one linear layer."""
    colours = np.array([COLOURS.get(label, _made_up(index)) for index, label in enumerate(labels)], np.float32) / 255
    if channels == 1:
        colours = colours.mean(axis=1, keepdims=True)
    weight = 2 * sharpness * colours.T
    bias = -sharpness * (colours**2).sum(axis=1)
    return weight.astype(np.float32), bias.astype(np.float32)


def _made_up(index: int) -> tuple[int, int, int]:
    return (index * 67 % 256, index * 131 % 256, index * 199 % 256)


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)


def constant_graph(row: Sequence[float], *, height: int = 8, width: int = 8, channels: int = 3) -> onnx.ModelProto:
    """Gives ``row`` for every image, whatever it shows: not-a-number and other impossible answers."""
    nodes = [
        helper.make_node("Shape", ["pixels"], ["images"], start=0, end=1),
        helper.make_node("Concat", ["images", "classes"], ["shape"], axis=0),
        helper.make_node("Expand", ["row", "shape"], ["probabilities"]),
    ]
    constants = {"classes": np.array([len(row)], np.int64), "row": np.array([row], np.float32)}
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", height, width, channels])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(row)])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return _model(graph)
