"""Export: a network becomes one ONNX file that takes pixels and gives probabilities."""

import logging
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from models.manifest import InputSpec
from models.runtime import Session
from training.data.augment import to_unit
from training.network import Network
from training.run import write_bytes

# The exporter tells that torchvision, which this project does not use, is not there.
logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)


class Served(nn.Module):
    """What is exported: uint8 ``[N, height, width, channels]`` to float32 ``[N, classes]``.

    Scaling, normalisation, layout, the calibrated temperature and softmax are inside.
    """

    def __init__(self, network: Network, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, pixels: Tensor) -> Tensor:
        """Probabilities of a batch."""
        return torch.softmax(self.network(to_unit(pixels)) / self.temperature, dim=1)


def export(served: Served, spec: InputSpec, path: Path) -> None:
    """Write ``served`` to ``path`` with a free batch axis and all weights inside.

    Batch norms that follow a convolution are folded into it by the exporter.
    """
    served.eval()
    example = torch.zeros(2, *spec.shape, dtype=torch.uint8)  # 2: a batch of 1 would be taken for a constant
    with warnings.catch_warnings():
        # torch 2.13 copies its own deprecated tree specs
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        program = torch.onnx.export(
            served,
            (example,),
            dynamo=True,
            input_names=["pixels"],
            output_names=["probabilities"],
            dynamic_shapes={"pixels": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    if program is None:
        raise TypeError("torch.onnx.export returned nothing")
    graph = without_traces(program.model_proto)
    write_bytes(path, graph)
    classes = int(served(example).shape[1])
    Session(graph).check_signature(spec, classes)


def without_traces(model: onnx.ModelProto) -> bytes:
    """Drop what the exporter notes of the code that it traced: stack traces with the paths of this machine."""
    graph = model.graph
    del model.metadata_props[:]
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
    return bytes(model.SerializeToString())
