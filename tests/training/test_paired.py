import math

import numpy as np
import pytest
from scipy.stats import binomtest

from training.paired import detectable_difference, difference_interval, discordant, holm, mcnemar


def test_the_published_example() -> None:
    """Bentur et al. 2009, as Fagerland, Lydersen and Laake 2013 and 2014 work it out: 1 and 7 of 21 pairs."""
    assert mcnemar(1, 7) == pytest.approx(0.0391, abs=5e-5)
    assert difference_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(("first", "second"), [(0, 6), (3, 9), (40, 20), (1, 2)])
def test_mid_p_counts_the_outcome_seen_by_half(first: int, second: int) -> None:
    exact = binomtest(first, first + second).pvalue
    assert exact / 2 < mcnemar(first, second) < exact
    assert mcnemar(first, second) == mcnemar(second, first)


def test_pairs_are_discordant_where_one_alone_is_right() -> None:
    first, second = np.array([True, True, True, False, False]), np.array([False, False, True, True, False])
    assert discordant(first, second) == (2, 1)


def test_nothing_apart_is_no_difference() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(7, 7) == pytest.approx(1)


@pytest.mark.parametrize("count", [60, 1000])
def test_the_interval_leaves_out_0_exactly_where_the_score_test_does(count: int) -> None:
    for first in range(0, 40):
        for second in range(0, min(40, count - first)):
            low, high = difference_interval(first, second, count)
            assert low <= (first - second) / count <= high
            z = abs(first - second) / math.sqrt(first + second) if first + second else 0
            assert (low > 0 or high < 0) == (z > 1.959964)


def test_the_interval_of_the_other_way_round_is_its_mirror() -> None:
    low, high = difference_interval(40, 20, 160)
    assert difference_interval(20, 40, 160) == pytest.approx((-high, -low))


@pytest.mark.parametrize("counts", [(0, 0, 1), (1, 0, 1), (0, 1, 1), (3, 0, 3), (0, 0, 10_000), (9_999, 1, 10_000)])
def test_the_ends_hold(counts: tuple[int, int, int]) -> None:
    first, second, count = counts
    low, high = difference_interval(*counts)
    assert -1 <= low <= (first - second) / count <= high <= 1
    assert low < high
    assert 0 < detectable_difference(*counts) <= 1


def test_the_interval_covers_and_the_test_errs_as_often_as_they_say() -> None:
    rng, count = np.random.default_rng(0), 300
    covered, refused, found = 0, 0, 0
    least = detectable_difference(15, 15, count)
    for _ in range(1000):
        first, second, _ = rng.multinomial(count, [0.09, 0.04, 0.87]).tolist()
        low, high = difference_interval(first, second, count)
        covered += low <= 0.05 <= high
        refused += mcnemar(*rng.multinomial(count, [0.06, 0.06, 0.88])[:2].tolist()) < 0.05
        apart = [0.05 + least / 2, 0.05 - least / 2, 0.9]
        found += mcnemar(*rng.multinomial(count, apart)[:2].tolist()) < 0.05
    assert 930 < covered < 970
    assert 25 < refused < 70
    assert 760 < found < 850  # a power of 80 %


def test_more_images_show_smaller_differences() -> None:
    assert detectable_difference(50, 50, 1000) > detectable_difference(500, 500, 10_000)


def test_holm_is_as_published() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []
