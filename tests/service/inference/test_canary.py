"""Who meets a canary, and when it must end."""

from collections import Counter

import pytest

from models.targets import Target
from service.inference.canary import Trial, choose
from service.settings import Settings

HALF = Target(3, 4, (1, 1))


def chosen(target: Target, salt: str = "a") -> list[int]:
    return [choose(target, salt, f"client {number}") for number in range(2000)]


@pytest.mark.parametrize(("weights", "share"), [((95, 5), 0.05), ((1, 1), 0.5), ((1, 999), 0.999)])
def test_clients_are_shared_out_by_weight(weights: tuple[int, int], share: float) -> None:
    counted = Counter(chosen(Target(3, 4, weights)))
    assert counted[3] + counted[4] == 2000
    assert counted[4] / 2000 == pytest.approx(share, abs=0.03)


def test_without_a_canary_there_is_no_choice() -> None:
    assert set(chosen(Target(3))) == {3}


def test_who_met_it_at_a_small_weight_meets_it_at_a_larger_one() -> None:
    few, many = chosen(Target(3, 4, (90, 10))), chosen(Target(3, 4, (50, 50)))
    assert all(after == 4 for before, after in zip(few, many, strict=True) if before == 4)


def test_other_aliases_have_other_first_clients() -> None:
    assert chosen(HALF, "a") != chosen(HALF, "b")


def trial(incumbent: list[float | None], canary: list[float | None]) -> str | None:
    shown = Trial()
    for seconds in incumbent:
        shown.note(seconds, canary=False)
    for seconds in canary:
        shown.note(seconds, canary=True)
    return shown.verdict(Settings(canary_images=100, canary_failures=0.05, canary_slowness=2))


@pytest.mark.parametrize(
    ("incumbent", "canary", "told"),
    [
        pytest.param([], [], None, id="nothing seen"),
        pytest.param([0.01] * 200, [0.01] * 200, None, id="alike"),
        pytest.param([], [None] * 4, None, id="too few failures to say"),
        pytest.param([], [None] * 6, "6 of 6 images failed", id="nothing but failures"),
        pytest.param([0.01] * 500, [0.01] * 190 + [None] * 10, None, id="at the bound"),
        pytest.param([0.01] * 500, [0.01] * 189 + [None] * 11, "11 of 200 images failed", id="beyond it"),
        pytest.param([0.01] * 90 + [None] * 10, [0.01] * 86 + [None] * 14, None, id="the incumbent fails as well"),
        pytest.param([0.01] * 200, [0.021] * 200, "took up to 21.0 ms, of the incumbent up to 10.0 ms", id="slow"),
        pytest.param([0.01] * 200, [0.019] * 200, None, id="a little slower"),
        pytest.param([0.01] * 200, [0.03] * 99, None, id="slow, but few"),
        pytest.param([0.01] * 200, [0.01] * 191 + [5] * 9, None, id="a slow one now and then"),
    ],
)
def test_verdicts(incumbent: list[float | None], canary: list[float | None], told: str | None) -> None:
    why = trial(incumbent, canary)
    assert (why is None) == (told is None), why
    assert told is None or told in str(why)
