import numpy as np
import pytest
from scipy.stats import binomtest

from training.intervals import macro_f1_interval, wilson
from training.scores import confusion_matrix, score


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (10, 10), (1, 3), (9263, 10000), (47, 50)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_it_is_the_interval_of_scipy(hits: int, count: int, confidence: float) -> None:
    theirs = binomtest(hits, count).proportion_ci(confidence, method="wilson")
    assert wilson(hits, count, confidence) == pytest.approx((theirs.low, theirs.high))


def test_the_rate_is_never_outside() -> None:
    for count in range(1, 200):
        for hits in (0, 1, count - 1, count):
            low, high = wilson(hits, count)
            assert 0 <= low <= hits / count <= high <= 1


def test_of_no_images_nothing_is_known() -> None:
    assert wilson(0, 0) == (0, 1)


def answers(count: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Guesses that are right in about seven of ten cases, and the truths."""
    rng = np.random.default_rng(4)
    targets = rng.integers(0, classes, count)
    return np.where(rng.random(count) < 0.7, targets, rng.integers(0, classes, count)), targets


def test_the_interval_of_macro_f1_is_that_of_drawing_images_again() -> None:
    predicted, targets = answers(300)
    rng, scores = np.random.default_rng(1), []
    for _ in range(500):
        rows = rng.integers(0, 300, 300)
        scores.append(score(np.eye(3, dtype=np.float32)[predicted[rows]], targets[rows], ("a", "b", "c"), "t").macro_f1)
    low, high = macro_f1_interval(confusion_matrix(predicted, targets, 3))
    assert (low, high) == pytest.approx(np.quantile(scores, (0.025, 0.975)).tolist(), abs=0.01)


def test_the_interval_of_macro_f1_narrows_and_can_be_repeated() -> None:
    widths = []
    for count in (100, 10_000):
        matrix = confusion_matrix(*answers(count), 3)
        low, high = macro_f1_interval(matrix)
        assert macro_f1_interval(matrix) == (low, high)
        widths.append(high - low)
    assert widths[1] < widths[0] / 5


def test_macro_f1_without_a_mistake_or_a_class_that_never_occurs() -> None:
    assert macro_f1_interval(np.diag([5, 5, 0])) == (1, 1)
