from pathlib import Path

import pytest

from models.opening import open_version
from models.store import Store
from service.inference.plan import Plan
from service.inference.tune import Trial, best_plan, lanes_to_try, rate, trials


@pytest.mark.parametrize(("cores", "lanes"), [(1, [1]), (2, [2, 1]), (6, [6, 3, 2, 1]), (7, [7, 1])])
def test_lanes_share_the_cores_evenly(cores: int, lanes: list[int]) -> None:
    assert lanes_to_try(cores) == lanes


def measured(*rates: tuple[int, int, int, float]) -> list[Trial]:
    return [Trial(*one) for one in rates]


class Kind:
    """What of a session the choice of a plan asks for."""

    device, loops = "cpu", False


def plan_of(some: list[Trial], alone: dict[int, float]) -> Plan:
    return best_plan(Kind(), some, alone)  # type: ignore[arg-type]


def test_the_best_is_the_fastest_and_of_about_equals_the_one_of_more_lanes_and_smaller_batches() -> None:
    some = measured((2, 1, 1, 100), (2, 1, 2, 150), (2, 1, 4, 152), (1, 2, 1, 120), (1, 2, 2, 153))
    assert plan_of(some, {1: 50, 2: 80}) == Plan(threads=1, threads_alone=2, lanes=2, max_batch=2)
    faster = [*some, *measured((1, 2, 4, 200))]
    assert plan_of(faster, {1: 50, 2: 40}) == Plan(threads=2, threads_alone=1, lanes=1, max_batch=4)


def test_runs_that_are_over_at_once_need_no_lanes() -> None:
    some = measured((2, 1, 1, 8_000), (2, 1, 2, 10_000), (2, 1, 4, 12_000))
    assert plan_of(some, {1: 4_000, 2: 2_000}) == Plan(threads=1, threads_alone=1, lanes=0, max_batch=4)
    slower = measured((2, 1, 1, 1_500), (2, 1, 2, 1_400))
    assert plan_of(slower, {1: 750, 2: 900}) == Plan(threads=1, threads_alone=2, lanes=2, max_batch=1)


def test_a_real_session_is_measured(colours_root: Path) -> None:
    opened = open_version(Store(colours_root), "tiny", 1, threads=1, threads_alone=2)
    spec = opened.manifest.input
    found = list(trials(opened.session, spec, lanes=2, threads=1, seconds=0.002))
    assert [trial.size for trial in found] == [1, 2, 4, 8, 16, 32, 64][: len(found)]
    assert all(trial.rate > 0 for trial in found)
    assert rate(opened.session, spec, 1, 1, 0.002, alone=True) > 0
