"""An exported ONNX graph, split into what depends on the image and what does not."""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from models.checksums import check_files
from models.graph_file import inspect_graph
from models.runtime import read_graph
from models.store import Store

Values = NDArray[np.generic]


class GraphFile:
    """A graph with all values in it that do not depend on the image computed: ``constants``, by their names.

    So a weight is found alike where it is an initialiser, one of half precision that is cast, or a quantised one with
    its scale. ``nodes`` are the others, in an order in which they can run. Raises UnsafeGraph when the file may not be
    opened.
    """

    def __init__(self, path: Path) -> None:
        data = read_graph(path)
        inspect_graph(data)
        self.path = path
        self.model = onnx.load_model_from_string(data)
        graph = self.model.graph
        self.constants: dict[str, Values] = {part.name: numpy_helper.to_array(part) for part in graph.initializer}
        self.nodes = [node for node in graph.node if not self._compute(node)]

    def values(self, node: onnx.NodeProto) -> list[Values]:
        """The constants that a node takes, in their order."""
        return [self.constants[name] for name in node.input if name in self.constants]

    def _compute(self, node: onnx.NodeProto) -> bool:
        """Whether a node takes constants only; then what it gives is one too."""
        inputs = {name: self.constants.get(name) for name in node.input if name}
        if any(value is None for value in inputs.values()):
            return False
        found = ReferenceEvaluator(node).run(None, inputs)
        self.constants |= dict(zip(node.output, found, strict=True))
        return True


def open_graph(store: Store, name: str, version: int) -> GraphFile:
    """The most exact graph of a version; raises NotFound, or a BundleError when it is not what was published."""
    bundle, manifest = store.bundle(name, version), store.manifest(name, version)
    check_files(bundle, manifest)
    return GraphFile(bundle / manifest.graphs[manifest.reference].file)
