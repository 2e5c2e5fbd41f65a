"""What an exported graph answers to images of a data set."""

import numpy as np

from models.postprocess import Probabilities
from models.preprocess import Pixels
from models.runtime import Session
from training.data.splits import Indices
from training.progress import bar

_BATCH = 256


def run_graph(session: Session, pixels: Pixels, rows: Indices) -> Probabilities:
    """Probabilities float32 ``[rows, classes]`` of the ``rows`` of ``pixels``, in batches."""
    starts = range(0, len(rows), _BATCH)
    parts = (session.run(pixels[rows[start : start + _BATCH]]) for start in starts)
    return np.concatenate(list(bar(parts, "evaluating", len(starts))))
