"""Graphs that must be refused: external data in every hiding place, and operators of foreign domains."""

from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from tests.support.graphs import OPSET, colour_graph

EXTERNAL_DATA: dict[str, Callable[[onnx.ModelProto], None]] = {}
"""Every place where external data can hide, and the function that hides some there."""


def _hides(place: str) -> Callable[[Callable[[onnx.ModelProto], None]], Callable[[onnx.ModelProto], None]]:
    def register(hide: Callable[[onnx.ModelProto], None]) -> Callable[[onnx.ModelProto], None]:
        EXTERNAL_DATA[place] = hide
        return hide

    return register


def external_tensor(location: str = "weights.bin") -> onnx.TensorProto:
    """A tensor that keeps its one float in another file."""
    tensor = TensorProto(name="secret", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": "0", "length": "4"}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


@_hides("initializer")
def _in_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(external_tensor())


@_hides("location_only")
def _in_location_only(model: onnx.ModelProto) -> None:
    tensor = external_tensor()
    tensor.ClearField("data_location")
    model.graph.initializer.append(tensor)


@_hides("flag_only")
def _in_flag_only(model: onnx.ModelProto) -> None:
    tensor = external_tensor()
    del tensor.external_data[:]
    model.graph.initializer.append(tensor)


@_hides("sparse_values")
def _in_sparse_values(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add(values=external_tensor(), dims=[9])


@_hides("sparse_indices")
def _in_sparse_indices(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add(indices=external_tensor(), dims=[9])


@_hides("attribute")
def _in_attribute(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["secret"], value=external_tensor()))


@_hides("attribute_list")
def _in_attribute_list(model: onnx.ModelProto) -> None:
    node = model.graph.node.add(op_type="Constant", output=["secret"])
    node.attribute.add(name="values", type=onnx.AttributeProto.TENSORS, tensors=[external_tensor()])


@_hides("sparse_attribute")
def _in_sparse_attribute(model: onnx.ModelProto) -> None:
    node = model.graph.node.add(op_type="Constant", output=["secret"])
    sparse = onnx.SparseTensorProto(values=external_tensor(), dims=[9])
    node.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR, sparse_tensor=sparse)


@_hides("sparse_attribute_list")
def _in_sparse_attribute_list(model: onnx.ModelProto) -> None:
    node = model.graph.node.add(op_type="Constant", output=["secret"])
    sparse = onnx.SparseTensorProto(values=external_tensor(), dims=[9])
    node.attribute.add(name="sparse_values", type=onnx.AttributeProto.SPARSE_TENSORS, sparse_tensors=[sparse])


def branch(tensor: onnx.TensorProto) -> onnx.GraphProto:
    """The branch of an ``If`` with ``tensor`` among its initialisers."""
    given = helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
    return helper.make_graph([], "branch", [], [given], [tensor])


@_hides("if_branch")
def _in_if_branch(model: onnx.ModelProto) -> None:
    hidden = branch(external_tensor())
    model.graph.node.append(helper.make_node("If", ["condition"], ["x"], then_branch=hidden, else_branch=hidden))


@_hides("nested_branch")
def _in_nested_branch(model: onnx.ModelProto) -> None:
    hidden = branch(external_tensor())
    for _ in range(8):
        hidden = helper.make_graph([helper.make_node("If", ["c"], ["x"], then_branch=hidden)], "outer", [], [])
    model.graph.node.append(helper.make_node("If", ["condition"], ["x"], then_branch=hidden))


@_hides("graph_list")
def _in_graph_list(model: onnx.ModelProto) -> None:
    node = model.graph.node.add(op_type="Scan", output=["x"])
    node.attribute.add(name="bodies", type=onnx.AttributeProto.GRAPHS, graphs=[branch(external_tensor())])


@_hides("function")
def _in_function(model: onnx.ModelProto) -> None:
    constant = helper.make_node("Constant", [], ["secret"], value=external_tensor())
    opsets = [helper.make_opsetid("", OPSET)]
    model.functions.append(helper.make_function("", "Hidden", [], ["secret"], [constant], opsets))


@_hides("function_default")
def _in_function_default(model: onnx.ModelProto) -> None:
    _in_function(model)
    del model.functions[0].node[:]
    model.functions[0].attribute_proto.append(helper.make_attribute("default", external_tensor()))


@_hides("training_graph")
def _in_training_graph(model: onnx.ModelProto) -> None:
    model.training_info.add().initialization.CopyFrom(branch(external_tensor()))


@_hides("training_algorithm")
def _in_training_algorithm(model: onnx.ModelProto) -> None:
    model.training_info.add().algorithm.CopyFrom(branch(external_tensor()))


def with_external_data(place: str) -> bytes:
    """A good graph that also has external data in one of EXTERNAL_DATA."""
    model = colour_graph()
    EXTERNAL_DATA[place](model)
    return model.SerializeToString()


def with_foreign_node(domain: str = "com.microsoft") -> bytes:
    """A good graph with an operator of another domain, which it imports."""
    model = colour_graph()
    model.graph.node[-1].domain = domain
    model.opset_import.append(helper.make_opsetid(domain, 1))
    return model.SerializeToString()


def with_foreign_opset(domain: str = "com.microsoft") -> bytes:
    """A good graph that only imports another domain."""
    model = colour_graph()
    model.opset_import.append(helper.make_opsetid(domain, 1))
    return model.SerializeToString()


def external_weights_graph(folder: Path, location: str = "weights.bin") -> bytes:
    """A working graph whose weights really lie in ``folder``: onnxruntime would open it from a file."""
    model = colour_graph()
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "weight")
    (folder / "weights.bin").write_bytes(weight.raw_data)
    length = str(len(weight.raw_data))
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": length}.items():
        weight.external_data.add(key=key, value=value)
    return model.SerializeToString()


def secretly_fixed_graph() -> onnx.ModelProto:
    """Declares a free batch axis but reshapes to one image, in a way that onnxruntime cannot foresee."""
    model = colour_graph()
    constants = {"no_batch": [0, 1, 1, 1], "one_image": [1, 0, 0, 0]}
    for name, values in constants.items():
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [4], values))
    for node in reversed(
        (
            helper.make_node("Shape", ["pixels"], ["shape"]),
            helper.make_node("Mul", ["shape", "no_batch"], ["rest"]),
            helper.make_node("Add", ["rest", "one_image"], ["one"]),
            helper.make_node("Reshape", ["pixels", "one"], ["reshaped"]),
        )
    ):
        model.graph.node.insert(0, node)
    model.graph.node[4].input[0] = "reshaped"
    return model
