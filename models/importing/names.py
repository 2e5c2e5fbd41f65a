"""Names in a graph: those of its values, in the graphs of its nodes too."""

from collections.abc import Iterator

import onnx


def fresh_name(graph: onnx.GraphProto, like: str) -> str:
    """``like``, or that with as many underscores as it takes for no name in ``graph`` to begin with it."""
    names = set(_names(graph))
    while any(name.startswith(like) for name in names):
        like += "_"
    return like


def rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Give a value another name, wherever ``graph`` or one within it speaks of it."""
    for value in (*graph.input, *graph.output, *graph.initializer):
        if value.name == old:
            value.name = new
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
        for inner in _inner(node):
            rename(inner, old, new)


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    for value in (*graph.input, *graph.output, *graph.initializer):
        yield value.name
    for node in graph.node:
        yield from node.input
        yield from node.output
        for inner in _inner(node):
            yield from _names(inner)


def _inner(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
