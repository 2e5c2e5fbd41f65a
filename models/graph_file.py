"""Reads an ONNX file far enough to know that it reaches nowhere else, before onnxruntime sees it.

onnxruntime refuses external data behind ``..``, absolute paths and symbolic links, but opens a hard link; here any
external data is refused, wherever a tensor can hide: initialisers, sparse ones, attributes, subgraphs, functions.
Only the messages and fields that lead to tensors and operators are declared (https://onnx.ai/onnx/repo-docs/IR.html);
all as repeated, so that a field written twice is looked at twice.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from models.errors import UnsafeGraph

MAX_GRAPH_BYTES = 1_000_000_000  # VGG16 has 553 MB; protobuf itself ends at 2 GB
ONNX_DOMAINS = {b"", b"ai.onnx", b"ai.onnx.ml"}

_Field = descriptor_pb2.FieldDescriptorProto
_SCHEMA: dict[str, dict[str, tuple[int, str]]] = {
    "Model": {
        "graph": (7, "Graph"),
        "opset_import": (8, "Opset"),
        "training_info": (20, "Training"),
        "functions": (25, "Function"),
    },
    "Opset": {"domain": (1, "bytes"), "version": (2, "int")},
    "Training": {"initialization": (1, "Graph"), "algorithm": (2, "Graph")},
    "Function": {"node": (7, "Node"), "opset_import": (9, "Opset"), "attribute_proto": (11, "Attribute")},
    "Graph": {"node": (1, "Node"), "initializer": (5, "Tensor"), "sparse_initializer": (15, "Sparse")},
    "Node": {"op_type": (4, "bytes"), "attribute": (5, "Attribute"), "domain": (7, "bytes")},
    "Attribute": {
        "t": (5, "Tensor"),
        "g": (6, "Graph"),
        "tensors": (10, "Tensor"),
        "graphs": (11, "Graph"),
        "sparse_tensor": (22, "Sparse"),
        "sparse_tensors": (23, "Sparse"),
    },
    "Sparse": {"values": (1, "Tensor"), "indices": (2, "Tensor")},
    "Tensor": {"external_data": (13, "Entry"), "data_location": (14, "int")},
    "Entry": {"key": (1, "bytes")},
}
_SCALARS = {"bytes": _Field.TYPE_BYTES, "int": _Field.TYPE_INT64}


class Inspected(NamedTuple):
    """The opset of the default domain, and whether there are nodes with graphs of their own: If, Loop, Scan.

    How long these take depends on what is in the pixels.
    """

    opset: int
    loops: bool


def inspect_graph(data: bytes) -> Inspected:
    """Return what there is to know of the ONNX file ``data`` before it is opened.

    Raises UnsafeGraph when the file is no ONNX model, is larger than 1 GB, has external data anywhere, or uses an
    operator of another domain than ONNX's own.
    """
    if len(data) > MAX_GRAPH_BYTES:
        raise UnsafeGraph(f"the graph has {len(data):,} bytes; at most {MAX_GRAPH_BYTES:,} are opened")
    model = _model_class()()
    try:
        model.ParseFromString(data)
    except message.DecodeError as error:
        raise UnsafeGraph("the graph is not a readable ONNX file, or nests too deeply") from error
    loops = False
    for part in _walk(model):
        _check(part)
        loops = loops or (part.DESCRIPTOR.name == "Attribute" and bool(part.g or part.graphs))
    versions = [opset.version[-1] for opset in model.opset_import if opset.version and not b"".join(opset.domain)]
    if not model.graph or not versions:
        raise UnsafeGraph("the graph is not an ONNX model: it has no graph or names no opset")
    return Inspected(int(versions[-1]), loops)


def _check(part: Any) -> None:
    kind = part.DESCRIPTOR.name
    if kind == "Tensor" and (part.external_data or any(part.data_location)):
        raise UnsafeGraph("the graph keeps tensors in another file; save it again with all weights inside")
    if kind in {"Opset", "Node"}:
        foreign = set(part.domain) - ONNX_DOMAINS
        if foreign:
            names = ", ".join(sorted(name.decode("utf-8", "replace") for name in foreign))
            raise UnsafeGraph(f"the graph uses operators outside ONNX's own domains: {names}")


def _walk(root: Any) -> Iterator[Any]:
    pending = [root]
    while pending:
        part = pending.pop()
        yield part
        for field, values in part.ListFields():
            if field.message_type is not None:
                pending.extend(values)


def _model_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="whatsit_onnx.proto", package="whatsit_onnx")
    for name, fields in _SCHEMA.items():
        declared = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            added = declared.field.add(name=field, number=number, label=_Field.LABEL_REPEATED)
            if kind in _SCALARS:
                added.type = _SCALARS[kind]
            else:
                added.type = _Field.TYPE_MESSAGE
                added.type_name = f".whatsit_onnx.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("whatsit_onnx.Model"))
