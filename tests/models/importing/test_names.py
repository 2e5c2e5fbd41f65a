"""Names are found and changed in the graphs of nodes too."""

from onnx import TensorProto, helper

from models.importing.names import fresh_name, rename
from tests.support.bad_graphs import branch


def test_a_name_within_a_branch_counts() -> None:
    tensor = helper.make_tensor("inner", TensorProto.FLOAT, [1], [0])
    node = helper.make_node("If", ["condition"], ["x"], then_branch=branch(tensor), else_branch=branch(tensor))
    graph = helper.make_graph([node], "outer", [], [])
    assert fresh_name(graph, "inner") == "inner_"
    assert fresh_name(graph, "cond") == "cond_"  # nothing begins with it
    assert fresh_name(graph, "new") == "new"
    rename(graph, "inner", "other")
    assert fresh_name(graph, "inner") == "inner"
    assert [value.name for value in node.attribute[0].g.output] == ["inner"]  # the node is a copy in the graph
    assert [value.name for value in graph.node[0].attribute[0].g.output] == ["other"]
