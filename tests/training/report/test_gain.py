import numpy as np

from training.report.evidence import Answers
from training.report.gain import calibration_gain
from training.scores import score, softmax, without_temperature

LABELS = ("a", "b", "c")


def answers(count: int, temperature: float) -> tuple[np.ndarray, Answers]:
    """Honest answers, and the ones that they become by a temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (count, 3)).astype(np.float32)
    targets = (softmax(logits).cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return softmax(logits), Answers(softmax(logits, temperature), targets)


def test_it_is_what_the_metrics_say() -> None:
    _, given = answers(500, 2.0)
    plain = without_temperature(given.probabilities, 2.0)
    found, metrics = calibration_gain(plain, given), score(given.probabilities, given.targets, LABELS, "test", 2.0)
    assert (found.loss_after, found.error_after) == (metrics.loss, metrics.expected_calibration_error)
    assert found.error_before == metrics.uncalibrated_error


def test_what_makes_honest_answers_worse_does_not_help() -> None:
    plain, given = answers(2000, 2.0)
    found, back = calibration_gain(plain, given), calibration_gain(given.probabilities, Answers(plain, given.targets))
    assert (found.is_chance, found.helped) == (False, False)
    assert (back.is_chance, back.helped) == (False, True)


def test_a_little_on_a_few_images_may_be_chance() -> None:
    assert calibration_gain(*answers(40, 1.05)).is_chance
