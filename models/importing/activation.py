"""What the outputs of a classifier are, by their values: probabilities already, or logits that want a softmax."""

import numpy as np

from models.errors import ImportRefused
from models.importing.original import Outputs
from models.importing.wanted import Softmax
from models.manifest import Activation
from models.postprocess import Probabilities

# Half precision adds 1,000 probabilities up to 1 within 1e-3.
_SUM_TOLERANCE = 1e-2


def choose_activation(outputs: Outputs, classes: int, asked: Softmax) -> Activation:
    """Find out what makes probabilities of ``classes`` of ``outputs`` ``[N, values]``, which are those of N images.

    One value for two classes is about the second of them, and a sigmoid is to it what a softmax is to several. Raises
    ImportRefused where values and classes do not fit, or contradict what was ``asked``.
    """
    if not np.isfinite(outputs).all():
        raise ImportRefused("the graph gives values that are no numbers: look at mean, std and colour")
    if outputs.shape[1] == 1 and classes == 2:
        return _of_one(outputs, asked)
    _check_labels(outputs.shape[1], classes)
    sums = outputs.sum(axis=1)
    bounded = bool(outputs.min() >= 0 and outputs.max() <= 1 + _SUM_TOLERANCE)
    probable = bounded and bool(np.abs(sums - 1).max() <= _SUM_TOLERANCE)
    _check_asked(asked, f"{sums.min():.4g} to {sums.max():.4g}", bounded=bounded, probable=probable)
    return "none" if probable else "softmax"


def activate(outputs: Outputs, activation: Activation) -> Probabilities:
    """The probabilities float32 ``[N, classes]`` that ``outputs`` are, computed by NumPy."""
    values = outputs.astype(np.float64)
    if activation == "softmax":
        raised = np.exp(values - values.max(axis=1, keepdims=True))
        values = raised / raised.sum(axis=1, keepdims=True)
    if activation == "sigmoid":
        values = 1 / (1 + np.exp(-values))
    if activation in {"sigmoid", "complement"}:
        values = np.concatenate([1 - values, values], axis=1)
    return values.astype(np.float32)


def _of_one(outputs: Outputs, asked: Softmax) -> Activation:
    bounded = bool(outputs.min() >= 0 and outputs.max() <= 1)
    if asked == "no" and not bounded:
        raise ImportRefused(
            f"the output is {outputs.min():.4g} to {outputs.max():.4g}, which is no probability, and wants a sigmoid "
            "(--softmax auto)"
        )
    return "complement" if asked == "no" or (asked == "auto" and bounded) else "sigmoid"


def _check_asked(asked: Softmax, sums: str, *, bounded: bool, probable: bool) -> None:
    if probable and asked == "yes":
        raise ImportRefused(
            "the outputs add up to 1 for every image: they are probabilities, and a second softmax would flatten them "
            "(--softmax auto)"
        )
    if not probable and asked == "no":
        raise ImportRefused(
            f"the outputs add up to {sums}, not to 1: they are no probabilities, and want a softmax (--softmax auto)"
        )
    if bounded and not probable and asked == "auto":
        raise ImportRefused(
            f"the outputs lie between 0 and 1 but add up to {sums}, like those of a classifier that gives an image "
            "several labels, which cannot be served; if they are logits after all, say --softmax yes"
        )


def _check_labels(given: int, labels: int) -> None:
    if given == labels:
        return
    told = f"the graph gives {given:,} values, and there are {labels:,} labels, of which each wants one"
    if given == labels + 1:
        told += ": networks of TensorFlow often have a class for the background, which comes first; if so, add its line"
    elif given == labels - 1:
        told += ": if the first is one for the background, or a heading, take its line out"
    raise ImportRefused(told)
