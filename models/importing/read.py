"""Taking in an ONNX file: all of its weights, and no more of it than the network."""

from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_tensor, uses_external_data
from onnx.inliner import inline_local_functions

from models.checksums import sha256_of
from models.errors import ImportRefused, UnsafeGraph
from models.graph_file import MAX_GRAPH_BYTES, ONNX_DOMAINS, inspect_graph
from models.manifest import Precision, Sha256
from models.runtime import read_graph

_LEAST_OPSET = 7  # from which on operators broadcast as they do today; onnxruntime guarantees nothing below it
_QUANTISED = {
    *("QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul"),
    *("ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"),
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An ONNX file that was read: ``model`` holds all weights, calls no functions of its own, and tells no paths.

    ``files`` are the names of the files that it was made of, and their sha256.
    """

    model: onnx.ModelProto
    files: dict[str, Sha256]

    @property
    def content(self) -> bytes:
        """The file that ``model`` is."""
        return bytes(self.model.SerializeToString())

    @property
    def producer(self) -> str:
        """What wrote the file, as it says."""
        return f"{self.model.producer_name} {self.model.producer_version}".strip() or "not stated"

    @property
    def precision(self) -> Precision:
        """The precision that it computes in: what most of its weights are stored in, or eight bits where it counts."""
        graph = self.model.graph
        if any(node.op_type in _QUANTISED for node in graph.node):
            return "int8"
        sizes = dict.fromkeys((onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16), 0)
        for tensor in graph.initializer:
            if tensor.data_type in sizes:
                sizes[tensor.data_type] += tensor.ByteSize()
        return "fp16" if sizes[onnx.TensorProto.FLOAT16] > sizes[onnx.TensorProto.FLOAT] else "fp32"


def read_source(path: Path) -> SourceFile:
    """Read the ONNX file at ``path``, with the weights that it keeps in files beside it.

    Raises ImportRefused when it is none, or its weights cannot be had, UnsafeGraph for what no version may hold: more
    than 1 GB, external data elsewhere than in initialisers, operators outside ONNX's own domains.
    """
    try:
        model = onnx.load_model_from_string(read_graph(path))
    except DecodeError as error:
        raise ImportRefused(f"{path} is no ONNX file, or was cut short") from error
    files = {path.name: sha256_of(path)} | _take_in_weights(model, path.parent)
    if model.functions:
        model = inline_local_functions(model)
    _leave_out_notes(model)
    source = SourceFile(model, files)
    opset, _ = inspect_graph(source.content)
    if opset < _LEAST_OPSET:
        raise ImportRefused(f"{path.name} is of opset {opset}; export it again with {_LEAST_OPSET} or later")
    return source


def _take_in_weights(model: onnx.ModelProto, folder: Path) -> dict[str, Sha256]:
    """Read initialisers that lie in other files; what lies elsewhere in the graph stays, and will be refused."""
    outside = [tensor for tensor in model.graph.initializer if uses_external_data(tensor)]
    try:
        infos = [ExternalDataInfo(tensor) for tensor in outside]
        total = model.ByteSize() + sum(_length(info, folder) for info in infos)
        if total > MAX_GRAPH_BYTES:
            raise UnsafeGraph(f"the graph with its weights has {total:,} bytes; at most {MAX_GRAPH_BYTES:,} are opened")
        for tensor in outside:
            load_external_data_for_tensor(tensor, str(folder))
        return {info.location: sha256_of(folder / info.location) for info in infos}
    except (OSError, ValueError, RuntimeError, onnx.checker.ValidationError) as error:
        reason = " ".join(str(error).split())
        raise ImportRefused(f"its weights lie in another file, which cannot be used: {reason}") from error


def _length(info: ExternalDataInfo, folder: Path) -> int:
    return info.length or (folder / info.location).stat().st_size - (info.offset or 0)


def _leave_out_notes(model: onnx.ModelProto) -> None:
    """Drop what exporters note of the machine and the code, and foreign domains, which no node will be allowed."""
    graph = model.graph
    for opset in [opset for opset in model.opset_import if opset.domain.encode() not in ONNX_DOMAINS]:
        model.opset_import.remove(opset)
    model.doc_string = graph.doc_string = ""
    del graph.value_info[:]  # shapes that will be found anew
    del model.metadata_props[:]
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
