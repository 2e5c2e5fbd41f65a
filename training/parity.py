"""Parity: the exported graph computes what the network computes, one by one and in batches."""

import numpy as np
import torch

from models.preprocess import Pixels
from models.runtime import Session
from training.errors import ExportMismatch
from training.export import Served

TOLERANCE = 1e-4


def check_parity(served: Served, session: Session, pixels: Pixels, tolerance: float = TOLERANCE) -> float:
    """Return the largest difference of a probability over ``pixels`` ``[N, height, width, channels]``.

    Compared are torch and the graph, and the graph on the whole batch and on each image alone. Raises
    ExportMismatch when it exceeds ``tolerance`` or is not a number.
    """
    with torch.no_grad():
        expected = served.eval()(torch.from_numpy(pixels)).numpy()
    together = session.run(pixels)
    alone = np.concatenate([session.run(row[None]) for row in pixels])
    differences = {
        "torch and the exported graph": np.abs(expected - together).max(),
        "a batch and its images one by one": np.abs(together - alone).max(),
    }
    for what, difference in differences.items():
        if not difference <= tolerance:
            raise ExportMismatch(f"{what} differ by {difference:.3g}; at most {tolerance:g} is allowed")
    return float(max(differences.values()))
