import numpy as np
import pytest
import torch
from torch.nn import functional

from models.manifest import ACCEPTS_NOTHING
from training.calibrate import calibrate, choose_decision, fit_temperature, lower_bound, softmax

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


def answers(*groups: tuple[float, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and targets: ``(score, right, wrong)`` each."""
    scores = np.concatenate([np.full(right + wrong, score, np.float32) for score, right, wrong in groups])
    targets = np.concatenate([np.repeat([0, 1], [right, wrong]) for _, right, wrong in groups])
    return np.stack([scores, 1 - scores], axis=1), targets


def test_the_threshold_is_the_smallest_that_reaches_the_accuracy() -> None:
    decision = choose_decision(*answers((0.51, 0, 100), (0.6, 80, 20), (0.9, 300, 0)), 0.9)
    assert decision.threshold == pytest.approx(0.511)
    assert (decision.accuracy, decision.coverage) == (0.95, 0.8)


def test_when_all_is_good_enough_everything_is_accepted() -> None:
    decision = choose_decision(*answers((0.6, 60, 0)), 0.95)
    assert (decision.threshold, decision.accuracy, decision.coverage) == (0, 1, 1)


@pytest.mark.parametrize("score", [0.9, 1.0])
def test_when_nothing_is_good_enough_not_even_certainty_is_accepted(score: float) -> None:
    decision = choose_decision(*answers((score, 1, 99)), 0.95)
    assert (decision.threshold, decision.accuracy, decision.coverage) == (ACCEPTS_NOTHING, 0, 0)


@pytest.mark.parametrize(("count", "threshold"), [(1, ACCEPTS_NOTHING), (51, ACCEPTS_NOTHING), (52, 0.601)])
def test_a_few_right_answers_prove_nothing(count: int, threshold: float) -> None:
    decision = choose_decision(*answers((0.6, 5, 5), (0.99, count, 0)), 0.95)
    assert decision.threshold == pytest.approx(threshold)


def test_of_2000_images_nearly_all_that_reach_the_accuracy_are_still_accepted() -> None:
    logits, targets = overconfident(2000)
    probabilities = softmax(logits * 4 / TRUE_TEMPERATURE, 1.0)
    decision = choose_decision(probabilities, targets, 0.8)
    accepted = probabilities.max(axis=1) >= decision.threshold
    assert 0.8 < decision.accuracy < 0.83
    assert decision.coverage == accepted.mean() > 0.3


@pytest.mark.parametrize(
    ("hits", "count", "bound"), [(0, 0, 0), (0, 10, 0), (52, 52, 0.9505), (1791, 1885, 0.9412), (1805, 1885, 0.9492)]
)
def test_the_lower_bound_is_wilsons(hits: int, count: int, bound: float) -> None:
    assert lower_bound(hits, count) == pytest.approx(bound, abs=1e-4)


def test_softmax_bears_large_logits() -> None:
    assert softmax(np.array([[1e4, 0]], np.float32)).tolist() == [[1, 0]]
