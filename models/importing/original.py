"""The classifier as it came, run on images that NumPy has normalised: what its version must answer too."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.errors import ImportRefused
from models.importing.interface import Interface
from models.preprocess import Pixels

Outputs = NDArray[np.float32]

_FATAL_ONLY = 4


class Original:
    """The graph of an ONNX file in memory; ``mean`` and ``std`` are those of ``Wanted``."""

    def __init__(self, content: bytes, interface: Interface, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _FATAL_ONLY
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no root but Exception
            raise ImportRefused(f"onnxruntime cannot open the graph: {_first_line(error)}") from error
        self._interface = interface
        self._mean, self._std = np.array(mean, np.float32), np.array(std, np.float32)

    def outputs(self, pixels: Pixels) -> Outputs:
        """What it gives for each of ``pixels``, float32 ``[N, outputs]``; raises ImportRefused when it fails.

        They are shown to it one by one, or as many at a time as it takes, the last of them repeated.
        """
        size = self._interface.batch or 1
        rows = []
        for start in range(0, len(pixels), size):
            part = pixels[start : start + size]
            filled = np.concatenate([part, *([part[-1:]] * (size - len(part)))])
            rows.append(self._run(self._normalised(filled))[: len(part)])
        return np.concatenate(rows)

    def _normalised(self, pixels: Pixels) -> NDArray[np.generic]:
        interface = self._interface
        images = pixels[..., ::-1] if interface.reversed else pixels
        if interface.dtype is not np.uint8:
            images = ((images.astype(np.float32) / 255 - self._mean) / self._std).astype(interface.dtype)
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2) if interface.layout == "nchw" else images)

    def _run(self, images: NDArray[np.generic]) -> Outputs:
        interface = self._interface
        try:
            given = np.asarray(self._session.run([interface.output], {interface.input: images})[0])
        except Exception as error:  # as above
            raise ImportRefused(f"the graph fails on an image {images.shape}: {_first_line(error)}") from error
        if given.ndim < 2 or len(given) != len(images) or given.dtype.kind != "f":
            raise ImportRefused(
                f"the output {interface.output} is {given.dtype} {given.shape} for {len(images)} images; wanted is a "
                "row of float values for each: name another with --output"
            )
        return given.reshape(len(images), -1).astype(np.float32)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
