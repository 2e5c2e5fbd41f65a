"""Whether a graph answers as the classifier that it was made of, image by image and all together."""

import numpy as np

from models.errors import ImportRefused, SignatureMismatch, UnsafeGraph
from models.importing.interface import Interface
from models.manifest import Precision
from models.postprocess import Probabilities
from models.preprocess import Pixels
from models.runtime import Session

# Sums are taken in another order in a batch, and by another machine. In half precision a step is 1e-3, and where
# values are quantised, a last digit more is a step more.
_MOST: dict[Precision, float] = {"fp32": 1e-4, "fp16": 1e-2, "int8": 5e-2}
_AGAIN = (
    "export it again with a free batch axis (torch.onnx.export with dynamic_shapes or dynamic_axes, Keras with an "
    "input of shape (None, ...))"
)
_TRAINING = (
    "it may have been exported in training mode, where chance and neighbours have a part: call model.eval() first"
)


def compare(graph: bytes, interface: Interface, pixels: Pixels, expected: Probabilities, precision: Precision) -> float:
    """The largest difference between ``expected`` ``[N, classes]`` and what ``graph`` answers to N ``pixels``.

    Raises ImportRefused where it is too large to be rounding, or the graph does not take any number of images.
    """
    session = _open(graph, interface, expected.shape[1])
    alone = _difference(np.concatenate([_run(session, image[None]) for image in pixels]), expected)
    together = _difference(_run(session, pixels), expected)
    if not alone <= _MOST[precision]:  # also when it is not a number
        raise ImportRefused(f"wrapped, it answers otherwise than by itself, by up to {alone:.2g}: {_TRAINING}")
    if not together <= _MOST[precision]:
        told = f"an image is answered otherwise among {len(pixels)} than alone, by up to {together:.2g}"
        raise ImportRefused(f"{told}: {_TRAINING if interface.batch is None else _AGAIN}")
    return max(alone, together)


def _open(graph: bytes, interface: Interface, classes: int) -> Session:
    try:
        session = Session(graph)
        session.check_signature(interface.spec, classes)
    except (UnsafeGraph, SignatureMismatch) as error:
        if interface.batch is None:
            raise
        many = f"it was exported for {interface.batch} at a time, and cannot be made to take any number"
        raise ImportRefused(f"{many} ({error}): {_AGAIN}") from error
    return session


def _run(session: Session, pixels: Pixels) -> Probabilities:
    try:
        answers = session.run(pixels)
    except Exception as error:  # onnxruntime's errors share no root but Exception
        reason = str(error).partition("\n")[0]
        raise ImportRefused(f"it fails on {len(pixels)} images at a time: {reason}; {_AGAIN}") from error
    if len(answers) != len(pixels):
        raise ImportRefused(f"it gives {len(answers)} answers to {len(pixels)} images: {_AGAIN}")
    return answers


def _difference(answers: Probabilities, expected: Probabilities) -> float:
    return float(np.abs(answers - expected).max())
