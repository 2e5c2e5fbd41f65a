"""The layers of an exported graph that have weights: where precision is won and lost."""

import onnx

from training.errors import VariantFailed

WEIGHTED = {"Conv", "Gemm", "MatMul"}


def weighted(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Convolutions and dense layers, in their order; raises VariantFailed when there is none."""
    found = [node for node in model.graph.node if node.op_type in WEIGHTED]
    if not found:
        raise VariantFailed("the graph has no layer with weights")
    return found
