import numpy as np
import pytest

from training.scores import calibration_error, reliability, score, softmax, without_temperature

LABELS = ("a", "b", "c")


def rows(*answers: int, sure: float = 0.8) -> np.ndarray:
    rest = (1 - sure) / 2
    return np.array([[sure if place == answer else rest for place in range(3)] for answer in answers], np.float32)


def test_counts_and_rates_by_hand() -> None:
    targets = np.array([0, 0, 0, 1, 1, 2])
    metrics = score(rows(0, 0, 1, 1, 0, 2), targets, LABELS, "test")
    assert (metrics.images, metrics.correct) == (6, 4)
    assert metrics.accuracy == pytest.approx(4 / 6)
    assert metrics.confusion_matrix == ((2, 1, 0), (1, 1, 0), (0, 0, 1))
    first = metrics.per_class[0]
    assert (first.precision, first.recall, first.f1, first.support) == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert metrics.macro_f1 == pytest.approx((2 / 3 + 0.5 + 1) / 3)
    assert metrics.loss == pytest.approx(-(4 * np.log(0.8) + 2 * np.log(0.1)) / 6, abs=1e-6)
    assert metrics.top5_accuracy == 1


def test_a_class_never_answered_and_never_asked_scores_zero() -> None:
    metrics = score(rows(0, 0), np.array([0, 0]), LABELS, "test")
    assert metrics.per_class[2].model_dump() == {
        "label": "c",
        "precision": 0,
        "recall": 0,
        "f1": 0,
        "support": 0,
    }


def test_macro_f1_is_of_the_classes_that_occur() -> None:
    assert score(rows(0, 0), np.array([0, 0]), LABELS, "test").macro_f1 == 1
    assert score(rows(0, 1), np.array([0, 0]), LABELS, "test").macro_f1 == pytest.approx((2 / 3 + 0) / 2)
    assert score(rows(0, 0), np.array([0, 1]), LABELS, "test").macro_f1 == pytest.approx((2 / 3 + 0) / 2)


def test_the_best_five_are_counted_and_ties_go_to_the_lower_index() -> None:
    flat = np.full((2, 8), 1 / 8, np.float32)
    metrics = score(flat, np.array([4, 5]), tuple("abcdefgh"), "test")
    assert metrics.top5_accuracy == 0.5
    assert metrics.confusion_matrix[4][0] == 1


def test_a_truth_of_probability_zero_costs_much_but_not_infinity() -> None:
    metrics = score(np.array([[0, 1], [1, 0]], np.float32), np.array([0, 0]), ("a", "b"), "test")
    assert 50 < metrics.loss < 60


def test_calibration_error_is_the_gap_between_score_and_truth() -> None:
    answers = rows(*[0] * 10)
    assert calibration_error(answers, np.array([0] * 8 + [1] * 2)) == pytest.approx(0, abs=1e-6)
    assert calibration_error(answers, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.3, abs=1e-6)
    assert calibration_error(rows(0, sure=1.0), np.array([0])) == pytest.approx(0)


def test_the_accuracy_has_its_interval() -> None:
    metrics = score(rows(*[0] * 100), np.array([0] * 90 + [1] * 10), LABELS, "test")
    assert metrics.accuracy_interval == pytest.approx((0.8256, 0.9448), abs=1e-4)


def overconfident(count: int = 5000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, the probabilities that they should have had, and truths drawn by those."""
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (count, 3)).astype(np.float32)
    probabilities = softmax(honest)
    targets = (probabilities.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return honest * 3, probabilities, targets


def test_the_error_before_calibration_needs_no_second_pass() -> None:
    logits, probabilities, targets = overconfident()
    assert without_temperature(probabilities, 3) == pytest.approx(softmax(logits), abs=1e-5)
    metrics = score(probabilities, targets, LABELS, "test", temperature=3)
    assert metrics.uncalibrated_error == pytest.approx(calibration_error(softmax(logits), targets), abs=1e-6)
    assert metrics.expected_calibration_error < 0.02
    assert calibration_error(softmax(logits), targets) > 0.08
    assert score(probabilities, targets, LABELS, "test").uncalibrated_error is None


def test_a_probability_of_zero_has_a_temperature_too() -> None:
    plain = without_temperature(np.array([[1, 0, 0], [0.5, 0.5, 0]], np.float32), 0.5)
    assert plain == pytest.approx(np.array([[1, 0, 0], [0.5, 0.5, 0]]))


def test_the_bins_of_a_reliability_diagram() -> None:
    answers = np.concatenate([rows(0, 0, 1, sure=0.8), rows(2, sure=1.0)])
    bins = reliability(answers, np.array([0, 0, 0, 2]))
    assert [(place, entry.count) for place, entry in enumerate(bins) if entry.count] == [(12, 3), (14, 1)]
    assert (bins[12].score, bins[12].accuracy) == pytest.approx((0.8, 2 / 3))
    assert (bins[14].score, bins[14].accuracy, bins[14].high) == (1, 1, 1)
    assert (bins[0].low, bins[0].score, bins[0].accuracy) == pytest.approx((0, 1 / 30, 0))


def test_softmax_bears_large_logits() -> None:
    assert softmax(np.array([[1e4, 0]], np.float32)).tolist() == [[1, 0]]
