import numpy as np
import pytest

from training.conformal import measure_sets, set_threshold
from training.scores import softmax


def truths(*scores: float) -> tuple[np.ndarray, np.ndarray]:
    """Answers of two labels whose truth, label 0, is scored as given."""
    first = np.array(scores, np.float32)
    return np.stack([first, 1 - first], axis=1), np.zeros(len(first), np.int64)


def drawn(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers of ten labels that are too sure of themselves, as no set needs honest scores."""
    honest = random.normal(0, 2, (count, 10)).astype(np.float32)
    targets = (softmax(honest).cumsum(axis=1) > random.random((count, 1))).argmax(axis=1)
    return softmax(honest * 2), targets


def test_the_rank_is_the_one_of_a_finite_sample() -> None:
    scores = [place / 100 for place in range(1, 100)]
    # Of 100 images 95: the 95th highest of these 99.
    assert set_threshold(*truths(*scores), 0.95) == pytest.approx(0.05, abs=2e-6)
    assert set_threshold(*truths(*scores), 0.951) == pytest.approx(0.04, abs=2e-6)


@pytest.mark.parametrize(("images", "coverage"), [(18, 0.95), (8, 0.9), (98, 0.99)])
def test_one_image_too_few_is_too_few(images: int, coverage: float) -> None:
    assert set_threshold(*truths(*[0.7] * images), coverage) is None
    assert set_threshold(*truths(*[0.7] * images, 0.3), coverage) == pytest.approx(0.3, abs=2e-6)


def test_a_truth_scored_at_the_threshold_is_inside_on_every_processor() -> None:
    probabilities, targets = truths(*np.random.default_rng(0).random(199))
    threshold = set_threshold(probabilities, targets, 0.9)
    assert threshold is not None
    assert (probabilities[:, 0] >= np.float32(threshold)).sum() == 180
    assert ((probabilities[:, 0] - np.float32(1e-9)) >= np.float32(threshold)).sum() == 180


def test_a_set_has_what_reaches_the_threshold_and_the_best_guess() -> None:
    probabilities = np.array([[0.9, 0.06, 0.04], [0.5, 0.3, 0.2], [0.2, 0.4, 0.4], [0.34, 0.33, 0.33]], np.float32)
    measured = measure_sets(probabilities, np.array([1, 1, 2, 1]), 0.3, 0.9)
    assert (measured.coverage, measured.threshold) == (0.9, 0.3)
    assert measured.mean_size == (1 + 2 + 2 + 3) / 4
    assert measured.test_coverage == 3 / 4
    alone = measure_sets(probabilities, np.array([0, 0, 1, 0]), 0.95, 0.9)
    assert (alone.mean_size, alone.test_coverage) == (1, 1)


@pytest.mark.parametrize(("images", "coverage"), [(30, 0.9), (200, 0.95), (1000, 0.8)])
def test_the_coverage_is_kept_on_fresh_data(images: int, coverage: float) -> None:
    random = np.random.default_rng(0)
    fresh = drawn(random, 20_000)
    reached = []
    for _ in range(200):
        threshold = set_threshold(*drawn(random, images), coverage)
        assert threshold is not None
        reached.append(measure_sets(*fresh, threshold, coverage).test_coverage)
    # Between the coverage and 1 / (N + 1) more; the rest is the scatter of 200 draws and of the fresh images.
    assert coverage - 0.008 < np.mean(reached) < coverage + 1 / (images + 1) + 0.008
