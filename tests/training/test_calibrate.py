import numpy as np
import pytest
import torch
from torch.nn import functional

from training.calibrate import calibrate, choose_decision, fit_temperature, softmax

TRUE_TEMPERATURE = 2.5


def overconfident(count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is too sure by a known temperature."""
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (count, 4)).astype(np.float32)
    targets = (softmax(honest).cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return honest * TRUE_TEMPERATURE, targets


def test_the_temperature_is_found_again() -> None:
    logits, targets = overconfident()
    assert fit_temperature(logits, targets) == pytest.approx(TRUE_TEMPERATURE, rel=0.03)


def test_no_other_temperature_has_less_loss() -> None:
    logits, targets = overconfident(500)
    found = fit_temperature(logits, targets)

    def loss(temperature: float) -> float:
        return functional.cross_entropy(torch.from_numpy(logits) / temperature, torch.from_numpy(targets)).item()

    assert loss(found) <= min(loss(found * 1.02), loss(found / 1.02))


def test_calibration_brings_the_error_down_and_keeps_the_answers() -> None:
    logits, targets = overconfident()
    calibration = calibrate(logits, targets, 0.9)
    assert calibration.error_before > 0.1
    assert calibration.error_after < 0.02
    assert calibration.decision.accuracy >= 0.9


def test_a_split_without_mistakes_ends_at_the_least_temperature() -> None:
    logits = np.eye(3, dtype=np.float32)
    assert fit_temperature(logits, np.arange(3)) == pytest.approx(0.1)


def test_the_threshold_is_the_smallest_that_reaches_the_accuracy() -> None:
    scores = np.array([0.51, 0.6, 0.7, 0.8, 0.9], np.float32)
    probabilities = np.stack([scores, 1 - scores], axis=1)
    decision = choose_decision(probabilities, np.array([1, 1, 0, 0, 0]), 0.7)
    assert decision.threshold == pytest.approx(0.511)
    assert (decision.accuracy, decision.coverage) == (0.75, 0.8)


def test_when_all_is_good_enough_everything_is_accepted() -> None:
    decision = choose_decision(np.array([[0.6, 0.4]], np.float32), np.array([0]), 0.95)
    assert (decision.threshold, decision.accuracy, decision.coverage) == (0, 1, 1)


def test_when_nothing_is_good_enough_everything_is_for_review() -> None:
    decision = choose_decision(np.array([[0.9, 0.1]] * 4, np.float32), np.array([1, 1, 1, 0]), 0.95)
    assert (decision.threshold, decision.coverage) == (1, 0)


def test_softmax_bears_large_logits() -> None:
    assert softmax(np.array([[1e4, 0]], np.float32)).tolist() == [[1, 0]]
