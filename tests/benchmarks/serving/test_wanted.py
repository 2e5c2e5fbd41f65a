import pytest

from benchmarks.serving.figures import Figures
from benchmarks.serving.records import Cell
from benchmarks.serving.wanted import Wanted, wanted
from tests.benchmarks.serving.support import cell, lines


@pytest.fixture
def figures() -> Figures:
    return Figures(line for line in lines() if isinstance(line, Cell))


def row(figures: Figures, what: str) -> Wanted:
    return next(row for row in wanted(figures, cores=2) if row.what == what)


def test_ratios_are_of_one_round_and_their_median_counts(figures: Figures) -> None:
    found = row(figures, "32 connections / session.run alone")
    assert found.reached is not None
    assert (found.reached.least, found.reached.median, found.reached.greatest) == (0.75, 0.8125, 0.9375)
    assert found.met is False


def test_the_best_of_the_others_is_neither_ours_nor_a_limit(figures: Figures) -> None:
    found = row(figures, "32 connections / best of the others")
    assert found.reached is not None
    assert (found.reached.median, found.met) == (1.3, True)


def test_less_is_better_where_a_most_is_wanted(figures: Figures) -> None:
    found = row(figures, "p99 / p50 at 1 connection")
    assert found.reached is not None
    assert (found.reached.median, found.met) == (pytest.approx(1.4), True)


def test_what_wrk_takes_is_taken_off(figures: Figures) -> None:
    assert row(figures, "3 times peak: goodput / peak").met is False  # 96 of 120
    left = row(figures, "3 times peak: the same, of the cores that wrk leaves")
    assert left.reached is not None
    assert (left.reached.median, left.met) == (pytest.approx(96 / 0.75 / 120), True)


def test_every_request_without_a_proper_answer_counts(figures: Figures) -> None:
    found = row(figures, "3 times peak: requests with neither 200 nor 429")
    assert found.reached is not None
    assert (found.reached.median, found.met) == (3, False)


def test_what_was_not_measured_says_so(figures: Figures) -> None:
    found = row(figures, "p50 at 1 connection / plain FastAPI with a thread a core")
    assert (found.reached, found.met) == (None, None)
    assert {row.work for row in wanted(figures, cores=2)} == {"mid"}


def test_a_cell_that_was_measured_anew_stands_for_the_old_one() -> None:
    figures = Figures([cell("mid", "ours", "closed-1", failed="no"), cell("mid", "ours", "closed-1", rate=7)])
    assert figures.rounds("mid", "ours", "closed-1") == {0: 7}
    assert not figures.failures
