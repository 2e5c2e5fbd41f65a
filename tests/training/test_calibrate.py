import numpy as np
import pytest
import torch
from torch.nn import functional

from training.calibrate import calibrate, fit_temperature, log_losses
from training.scores import softmax
from training.settings import DecisionSettings

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
        scaled = torch.from_numpy(logits) / temperature
        return functional.cross_entropy(scaled, torch.from_numpy(targets), label_smoothing=1 / 502).item()

    assert loss(found) <= min(loss(found * 1.02), loss(found / 1.02))


@pytest.mark.parametrize("count", [4, 20, 400])
def test_a_few_right_answers_make_no_answer_certain(count: int) -> None:
    logits = np.eye(4, dtype=np.float32).repeat(count // 4, axis=0) * 6
    scores = softmax(logits, fit_temperature(logits, logits.argmax(axis=1)))
    assert scores.max(axis=1) == pytest.approx(1 - 0.75 / (count + 2), abs=1e-5)


def test_the_loss_is_that_of_torch() -> None:
    logits, targets = overconfident(500)
    expected = functional.cross_entropy(torch.from_numpy(logits) / 2, torch.from_numpy(targets)).item()
    assert log_losses(logits, targets, 2).mean() == pytest.approx(expected, abs=1e-6)


def test_calibrated_it_does_not_mind_how_sure_the_logits_are() -> None:
    logits, targets = overconfident(500)
    once, twice = (log_losses(each, targets, fit_temperature(each, targets)).mean() for each in (logits, logits * 2))
    assert once == pytest.approx(twice, abs=1e-6)
    assert once < log_losses(logits, targets).mean() < log_losses(logits * 2, targets).mean()


def test_calibration_brings_the_error_down_and_keeps_the_answers() -> None:
    logits, targets = overconfident()
    calibration = calibrate(logits, targets, DecisionSettings(accuracy=0.9))
    assert calibration.error_before > 0.1
    assert calibration.error_after < 0.02
    assert calibration.decision.accuracy >= 0.9


def test_a_temperature_has_its_ends() -> None:
    logits, targets = np.eye(3, dtype=np.float32), np.arange(3)
    assert fit_temperature(logits / 100, targets) == pytest.approx(0.1)
    assert fit_temperature(logits * 100, (targets + 1) % 3) == pytest.approx(10)


def test_sets_are_measured_on_the_test_split() -> None:
    wanted = DecisionSettings(accuracy=0.9, coverage=0.8)
    logits, targets = overconfident()
    calibration = calibrate(logits[:2000], targets[:2000], wanted)
    assert calibration.conformal is None
    fresh = softmax(logits[2000:], calibration.temperature)
    conformal = calibration.measured(fresh, targets[2000:], wanted).conformal
    assert conformal is not None
    assert (conformal.coverage, conformal.threshold) == (0.8, calibration.set_threshold)
    assert conformal.test_coverage == pytest.approx(0.8, abs=0.025)


def test_a_handful_of_images_gives_no_sets() -> None:
    wanted = DecisionSettings()
    logits, targets = overconfident(18)
    calibration = calibrate(logits, targets, wanted)
    assert calibration.set_threshold is None
    assert calibration.measured(softmax(logits), targets, wanted).conformal is None
