"""Eight bits: static quantization by onnxruntime, calibrated on images of the training split.

Weights are int8 with a scale for each output channel, activations uint8 with one for each tensor, written as pairs of
QuantizeLinear and DequantizeLinear, which are ONNX's own operators. What onnxruntime fuses them to runs three times as
fast as float32 where the processor has VNNI. The first and the last layer stay in float32: they cost little time,
and the most accuracy.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from typing_extensions import override

from models.preprocess import Pixels
from training.errors import VariantFailed
from training.export import without_traces
from training.variants.layers import WEIGHTED, weighted

# Others between them, such as Gelu or pooling by averages, are computed in float32: measured, it made no difference.
_OPERATORS = [*sorted(WEIGHTED), "MaxPool", "Relu"]
# Ranges are the least and the greatest value seen: percentiles and entropy lost as little accuracy, within noise, on
# VGG16 and on the recipe cifar10, and keep every value in memory. Of 64 images they are about as good as of 2,048.
_BATCH = 16


def quantise(graph: Path, pixels: Pixels) -> bytes:
    """The graph in ``graph`` in eight bits, with the ranges that ``pixels`` ``[N, height, width, channels]`` reach.

    Raises VariantFailed when there is no layer between the first and the last.
    """
    with TemporaryDirectory(prefix="whatsit-int8-") as folder:
        prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        # Its symbolic shapes fail at a ReduceMax of opset 18 and later; ONNX's own are enough here.
        quant_pre_process(str(graph), str(prepared), skip_symbolic_shape=True)
        layers = weighted(onnx.load(prepared))
        if len(layers) <= 2:
            raise VariantFailed("no layer lies between the first and the last, which stay in float32")
        quantize_static(
            prepared,
            quantised,
            _Batches(pixels),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=_OPERATORS,
            nodes_to_exclude=[layers[0].name, layers[-1].name],
        )
        model = onnx.load(quantised)
    _drop_foreign(model)
    return without_traces(model)


class _Batches(CalibrationDataReader):  # type: ignore[misc] # it has no types
    """Hands ``pixels`` to the calibrator in batches."""

    def __init__(self, pixels: Pixels) -> None:
        starts = range(0, len(pixels), _BATCH)
        self._batches: Iterator[Pixels] = (pixels[start : start + _BATCH] for start in starts)

    @override
    def get_next(self) -> dict[str, Pixels] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"pixels": batch}


def _drop_foreign(model: onnx.ModelProto) -> None:
    """Forget the domains that onnxruntime says it needs and no node is of; a graph with them is not opened."""
    used = {node.domain for node in model.graph.node}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
