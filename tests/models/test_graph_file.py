"""A graph is read before onnxruntime sees it: external data is found wherever it hides."""

import random

import onnx
import pytest
from onnx import TensorProto, helper

from models.errors import UnsafeGraph
from models.graph_file import MAX_GRAPH_BYTES, inspect_graph
from tests.support.bad_graphs import (
    EXTERNAL_DATA,
    external_tensor,
    with_external_data,
    with_foreign_node,
    with_foreign_opset,
)
from tests.support.graphs import colour_graph, constant_graph

GOOD = colour_graph().SerializeToString()


def test_a_good_graph_gives_its_opset() -> None:
    assert inspect_graph(GOOD) == (20, False)
    assert inspect_graph(constant_graph([0.5, 0.5]).SerializeToString()) == (20, False)


def test_a_node_with_a_graph_of_its_own_is_seen() -> None:
    model = colour_graph()
    branch = helper.make_graph([], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["x"], then_branch=branch))
    assert inspect_graph(model.SerializeToString()) == (20, True)


@pytest.mark.parametrize("place", EXTERNAL_DATA)
def test_external_data_is_refused_wherever_it_hides(place: str) -> None:
    with pytest.raises(UnsafeGraph, match="another file"):
        inspect_graph(with_external_data(place))


@pytest.mark.parametrize("location", ["", "weights.bin", "../x", "/etc/passwd", "model.onnx", "a\0b", "file:///x"])
def test_no_location_makes_external_data_acceptable(location: str) -> None:
    model = colour_graph()
    model.graph.initializer.append(external_tensor(location))
    with pytest.raises(UnsafeGraph, match="another file"):
        inspect_graph(model.SerializeToString())


def test_a_field_that_is_written_twice_is_looked_at_twice() -> None:
    """Protobuf lets the last of two values win, and merges two graphs: both orders must be seen through."""
    innocent, guilty = colour_graph(), onnx.ModelProto()
    guilty.graph.initializer.append(external_tensor())
    for parts in ((innocent, guilty), (guilty, innocent)):
        with pytest.raises(UnsafeGraph, match="another file"):
            inspect_graph(b"".join(part.SerializeToString() for part in parts))


def test_the_flag_of_external_data_cannot_be_taken_back() -> None:
    flag, no_flag = b"\x70\x01", b"\x70\x00"  # field 14, data_location, in wire format
    for order in (flag + no_flag, no_flag + flag):
        tensor = TensorProto(name="x", data_type=TensorProto.FLOAT, dims=[0]).SerializeToString() + order
        graph = b"\x2a" + bytes([len(tensor)]) + tensor  # field 5, initializer
        with pytest.raises(UnsafeGraph, match="another file"):
            inspect_graph(GOOD + b"\x3a" + bytes([len(graph)]) + graph)  # field 7, graph


@pytest.mark.parametrize("domain", ["com.microsoft", "custom", "ai.onnx.training", "ai.onnx.ml ", "AI.ONNX", "\0"])
def test_operators_of_other_domains_are_refused(domain: str) -> None:
    for data in (with_foreign_node(domain), with_foreign_opset(domain)):
        with pytest.raises(UnsafeGraph, match="outside ONNX's own domains"):
            inspect_graph(data)


@pytest.mark.parametrize("domain", ["ai.onnx", "ai.onnx.ml"])
def test_onnx_own_domains_pass(domain: str) -> None:
    assert inspect_graph(with_foreign_opset(domain)).opset == 20


def test_foreign_operators_inside_functions_and_branches_are_refused() -> None:
    foreign = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    inside = colour_graph()
    inside.graph.node.append(
        helper.make_node("If", ["c"], ["y"], then_branch=helper.make_graph([foreign], "then", [], []))
    )
    function = colour_graph()
    function.functions.append(helper.make_function("", "F", ["x"], ["y"], [foreign], [helper.make_opsetid("", 20)]))
    for model in (inside, function):
        with pytest.raises(UnsafeGraph, match=r"com\.microsoft"):
            inspect_graph(model.SerializeToString())


def nested(depth: int) -> bytes:
    graph = helper.make_graph([], "innermost", [], [], [external_tensor()])
    for _ in range(depth):
        graph = helper.make_graph([helper.make_node("If", ["c"], ["x"], then_branch=graph)], "outer", [], [])
    model = colour_graph()
    model.graph.node.append(graph.node[0])
    return model.SerializeToString()


@pytest.mark.parametrize("depth", [1, 10, 29])
def test_deep_nesting_hides_nothing(depth: int) -> None:
    with pytest.raises(UnsafeGraph, match="another file"):
        inspect_graph(nested(depth))


def test_nesting_too_deep_to_be_read_is_refused() -> None:
    """Written by hand: the onnx package itself cannot write so deep a graph."""
    graph = b""
    for _ in range(5000):
        for field in (6, 5, 1):  # of an attribute, a node, a graph: each holds the one before
            graph = bytes([field << 3 | 2]) + _varint(len(graph)) + graph
    with pytest.raises(UnsafeGraph, match="nests too deeply"):
        inspect_graph(b"\x3a" + _varint(len(graph)) + graph + GOOD)


def _varint(number: int) -> bytes:
    digits = []
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


@pytest.mark.parametrize(
    "junk", [b"", b"\0", b"\xff" * 40, b"not a graph", b"<html></html>", b"PK\x03\x04" + bytes(60), b"\x80\x04\x95"]
)
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(UnsafeGraph):
        inspect_graph(junk)


def test_a_model_without_graph_or_opset_is_refused() -> None:
    empty = onnx.ModelProto(ir_version=10, producer_name="nobody")
    no_opset = colour_graph()
    del no_opset.opset_import[:]
    only_ml = colour_graph()
    only_ml.opset_import[0].domain = "ai.onnx.ml"
    for model in (empty, no_opset, only_ml):
        with pytest.raises(UnsafeGraph, match="not an ONNX model"):
            inspect_graph(model.SerializeToString())


def test_every_cut_and_many_damages_give_a_named_error_or_pass() -> None:
    source = random.Random(1)  # noqa: S311 - must repeat, not be secret
    cuts = [GOOD[:end] for end in range(len(GOOD))]
    for _ in range(500):
        damaged = bytearray(GOOD)
        for _ in range(source.randint(1, 5)):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        cuts.append(bytes(damaged))
    refused = 0
    for data in cuts:
        try:
            inspect_graph(data)
        except UnsafeGraph:
            refused += 1
    assert refused > len(GOOD) / 2


def test_500_million_bytes_is_the_most() -> None:
    with pytest.raises(UnsafeGraph, match="at most 1,000,000,000"):
        inspect_graph(bytes(MAX_GRAPH_BYTES + 1))
