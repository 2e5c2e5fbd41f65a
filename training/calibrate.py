"""Calibration on the validation split: a temperature that makes scores honest, a threshold that makes them useful."""

import math

import numpy as np
from numpy.typing import NDArray

from models.manifest import ACCEPTS_NOTHING, Decision, Strict
from models.postprocess import Probabilities
from training.scores import Targets, calibration_error

# Beyond these the validation split says no more than that all of it was right, or that all was chance.
_LEAST, _MOST = 0.1, 10.0
_HALVINGS = 60
_THRESHOLDS = np.arange(1001) / 1000
# One-sided 95 %: of a hundred thresholds that are found good enough, about five are not.
_SURENESS = 1.645


class Calibration(Strict):
    """``calibration.json``; the errors are expected calibration errors on validation, before and after."""

    temperature: float
    error_before: float
    error_after: float
    decision: Decision


def fit_temperature(logits: NDArray[np.float32], targets: Targets) -> float:
    """The temperature that logits ``[N, classes]`` are to be divided by for the least loss (Guo et al. 2017).

    The loss is convex in the inverse of the temperature, so halving the interval of its slope's sign finds it.
    """
    exact = logits.astype(np.float64)
    low, high = 1 / _MOST, 1 / _LEAST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _slope(exact, targets, middle) > 0 else (middle, high)
    return 2 / (low + high)


def choose_decision(probabilities: Probabilities, targets: Targets, accuracy: float) -> Decision:
    """The smallest threshold, in thousandths, whose accepted answers are right as often as ``accuracy`` asks.

    What must reach it is the lower bound that the validation images prove, not the share of right ones alone: one
    right answer is no proof of 95 %, 52 of 52 are. Where no threshold does, nothing is accepted.
    """
    scores = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    for threshold in _THRESHOLDS.tolist():
        accepted = right[scores >= threshold]
        if lower_bound(int(accepted.sum()), len(accepted)) >= accuracy:
            share = len(accepted) / len(right)
            return Decision(threshold=threshold, accuracy=float(accepted.mean()), coverage=share)
    return Decision(threshold=ACCEPTS_NOTHING, accuracy=0, coverage=0)


def lower_bound(hits: int, count: int) -> float:
    """What a rate is at least, at a confidence of 95 %, when ``hits`` of ``count`` were seen (Wilson 1927)."""
    if not count:
        return 0.0
    rate, spread = hits / count, _SURENESS**2 / count
    margin = math.sqrt(spread * (rate * (1 - rate) + spread / 4))
    return (rate + spread / 2 - margin) / (1 + spread)


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> Probabilities:
    """Probabilities of ``logits / temperature``, row by row."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: Probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def calibrate(logits: NDArray[np.float32], targets: Targets, accuracy: float) -> Calibration:
    """Temperature and threshold from the validation logits ``[N, classes]``."""
    temperature = fit_temperature(logits, targets)
    probabilities = softmax(logits, temperature)
    return Calibration(
        temperature=temperature,
        error_before=calibration_error(softmax(logits), targets),
        error_after=calibration_error(probabilities, targets),
        decision=choose_decision(probabilities, targets, accuracy),
    )


def _slope(logits: NDArray[np.float64], targets: Targets, inverse: float) -> float:
    """The derivative of the mean loss by the inverse temperature: expected logit less the logit of the truth."""
    powers = np.exp(inverse * (logits - logits.max(axis=1, keepdims=True)))
    expected = (powers * logits).sum(axis=1) / powers.sum(axis=1)
    return float((expected - logits[np.arange(len(targets)), targets]).mean())
