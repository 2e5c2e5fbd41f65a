import pytest
from scipy.stats import binomtest

from training.intervals import wilson


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
