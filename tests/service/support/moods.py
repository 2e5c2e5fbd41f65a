"""A real graph that can be told to be slow, to fail, or to give nonsense, by the image it is shown.

The red of the first pixel is the mood. Otherwise the graph is the one that knows colours: a reddish image is ``red``.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.support.graphs import colour_graph
from tests.support.images import encode, solid

GOOD = 255
HANGS = 250
SLOW = 251
FAILS = 252  # the whole batch, as a real graph does
NONSENSE = 253  # not a number, for this image only

_SIDE = 64  # of the matrix that a slow image has multiplied
_TIMES_A_SECOND = 150_000  # on a fast core that does nothing else


def mood(which: int) -> bytes:
    """A PNG that puts the graph in a mood."""
    return encode(solid((which, 0, 0)), "PNG")


def moody_graph(slow_s: float = 0.2) -> onnx.ModelProto:
    """The graph; a batch with a slow image takes at least about ``slow_s``."""
    model = colour_graph()
    graph = model.graph
    graph.node[-1].output[0] = "plain"
    for array, name in _constants(slow_s):
        graph.initializer.append(numpy_helper.from_array(array, name))
    graph.node.extend(
        [
            helper.make_node("Slice", ["pixels", "begin", "end", "inner"], ["first"]),
            helper.make_node("Reshape", ["first", "flat"], ["first_red"]),
            helper.make_node("Cast", ["first_red"], ["mood"], to=TensorProto.INT64),
            *_slow_nodes(),
            # An index that is out of range is an error of the run, not of the graph.
            helper.make_node("Gather", ["index_of_mood", "mood"], ["index"]),
            helper.make_node("Gather", ["zeros", "index"], ["nothing_or_error"]),
            helper.make_node("Gather", ["factor_of_mood", "mood"], ["factor"]),
            helper.make_node("Sum", ["factor", "nothing_or_error", "nothing"], ["factors"]),
            helper.make_node("Unsqueeze", ["factors", "last"], ["column"]),
            helper.make_node("Mul", ["plain", "column"], ["probabilities"]),
        ]
    )
    return model


def _slow_nodes() -> list[onnx.NodeProto]:
    square = [_SIDE, _SIDE]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("MatMul", ["in", "unit"], ["out"])],
        "again",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("in", TensorProto.FLOAT, square),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("out", TensorProto.FLOAT, square),
        ],
        [numpy_helper.from_array(np.eye(_SIDE, dtype=np.float32), "unit")],
    )
    return [
        helper.make_node("Gather", ["times_of_mood", "mood"], ["times_each"]),
        helper.make_node("ReduceMax", ["times_each"], ["times"], keepdims=0),
        helper.make_node("Loop", ["times", "true", "square"], ["product"], body=body),
        helper.make_node("ReduceSum", ["product"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
    ]


def _constants(slow_s: float) -> list[tuple[np.ndarray, str]]:
    times, index, factor = np.zeros(256, np.int64), np.zeros(256, np.int64), np.ones(256, np.float32)
    times[SLOW] = round(slow_s * _TIMES_A_SECOND)
    times[HANGS] = np.iinfo(np.int64).max
    index[FAILS] = 1000
    factor[NONSENSE] = np.nan
    return [
        (np.array([0, 0, 0], np.int64), "begin"),
        (np.array([1, 1, 1], np.int64), "end"),
        (np.array([1, 2, 3], np.int64), "inner"),
        (np.array([-1], np.int64), "flat"),
        (np.array([-1], np.int64), "last"),
        (np.array(True), "true"),
        (np.float32(0), "zero"),
        (np.zeros(1, np.float32), "zeros"),
        (np.eye(_SIDE, dtype=np.float32), "square"),
        (times, "times_of_mood"),
        (index, "index_of_mood"),
        (factor, "factor_of_mood"),
    ]
