"""What is alike in all peers: settings from the environment, a session of onnxruntime, Pillow, and the answer."""

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

PORT = int(os.environ.get("BENCH_PORT", "0"))
WORKERS = int(os.environ.get("BENCH_WORKERS", "1"))
THREADS = int(os.environ.get("BENCH_THREADS", "1"))  # of onnxruntime in one session
BATCH = int(os.environ.get("BENCH_BATCH", "1"))  # the most images in one run of the graph
WAIT_MS = int(os.environ.get("BENCH_WAIT_MS", "0"))  # how long a batch waits for more
DEADLINE_S = int(os.environ.get("BENCH_DEADLINE_S", "10"))
NORMALISE = bool(os.environ.get("BENCH_NORMALISE"))  # in NumPy; else the graph does it
_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_STD = np.array((0.229, 0.224, 0.225), np.float32)

Pixels = NDArray[Any]


def decode(data: bytes) -> Pixels:
    """The pixels of an encoded image as the graph takes them, of one image."""
    return resize(Image.open(io.BytesIO(data)))


def resize(image: Image.Image) -> Pixels:
    """The same of an image that is open."""
    side = int(os.environ["BENCH_SIDE"])
    pixels = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR))
    if not NORMALISE:
        return pixels
    return np.ascontiguousarray(((pixels.astype(np.float32) / 255 - _MEAN) / _STD).transpose(2, 0, 1))


class Classifier:
    """The graph, opened once in each process."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        # https://onnxruntime.ai/docs/performance/tune-performance/threading.html: as many as each process has cores
        options.intra_op_num_threads = THREADS
        self._session = onnxruntime.InferenceSession(os.environ["BENCH_GRAPH"], options)
        self._input = self._session.get_inputs()[0].name
        self._labels = json.loads(Path(os.environ["BENCH_LABELS"]).read_text(encoding="utf-8"))["labels"]

    def answer(self, batch: Sequence[Pixels]) -> list[dict[str, Any]]:
        """The five likeliest labels of each image of a batch."""
        return [self._best(row) for row in self._session.run(None, {self._input: np.stack(batch)})[0]]

    def _best(self, row: NDArray[np.float32]) -> dict[str, Any]:
        best = np.argsort(-row)[:5]
        predictions = [{"label": self._labels[i], "index": int(i), "score": round(float(row[i]), 6)} for i in best]
        return {**predictions[0], "predictions": predictions}
