"""Permits under a clock that the test turns."""

import asyncio
from contextlib import ExitStack

import pytest

from service.errors import Full
from service.inference.admission import Admission


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def hold(stack: ExitStack, admission: Admission, images: int = 1) -> None:
    stack.enter_context(admission.permits(images))


def measure(admission: Admission, clock: Clock, images: int, seconds: float) -> None:
    """Let ``images`` be answered one after the other, in ``seconds`` altogether."""
    for _ in range(images):
        with admission.permits(1):
            clock.now += seconds / images
            admission.finished()


def refusal(admission: Admission, images: int = 1) -> Full:
    with pytest.raises(Full) as caught, admission.permits(images):
        pass
    return caught.value


def test_there_are_only_so_many(clock: Clock) -> None:
    admission = Admission(3, 10, clock)
    with ExitStack() as stack:
        for _ in range(3):
            hold(stack, admission)
        assert refusal(admission).retry_after == 1
        assert admission.inside == 3
    assert admission.inside == 0
    with admission.permits(3):
        pass


def test_a_batch_enters_whole_or_not_at_all(clock: Clock) -> None:
    admission = Admission(10, 10, clock)
    with ExitStack() as stack:
        hold(stack, admission, 7)
        refusal(admission, 4)
        assert admission.inside == 7
        hold(stack, admission, 3)


def test_whoever_finds_nobody_inside_enters(clock: Clock) -> None:
    admission = Admission(1, 10, clock)
    with admission.permits(64):  # else a batch above the capacity could never be answered
        assert refusal(admission).retry_after == 1
    measure(admission, clock, images=1, seconds=3600)
    with admission.permits(1):  # however slow the model is
        pass


@pytest.mark.parametrize("error", [RuntimeError, Full, asyncio.CancelledError, KeyboardInterrupt])
def test_permits_are_given_back_whatever_happens(clock: Clock, error: type[BaseException]) -> None:
    admission = Admission(5, 10, clock)
    thrown = Full("", 1) if error is Full else error()
    with pytest.raises(error), admission.permits(5):
        raise thrown
    assert admission.inside == 0


async def test_a_cancelled_task_gives_its_permits_back(clock: Clock) -> None:
    admission = Admission(5, 10, clock)

    async def work() -> None:
        with admission.permits(5):
            await asyncio.sleep(3600)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    assert admission.inside == 5
    task.cancel()
    await asyncio.wait([task])
    assert admission.inside == 0


def test_the_rate_is_what_was_answered_while_there_was_work(clock: Clock) -> None:
    admission = Admission(1000, 10, clock)
    assert admission.rate == float("inf")
    measure(admission, clock, images=400, seconds=20)
    assert admission.rate == pytest.approx(20, rel=0.05)
    clock.now += 3600  # nothing to do says nothing about the rate
    assert admission.rate == pytest.approx(20, rel=0.05)
    with admission.permits(1):
        assert admission.rate == pytest.approx(20, rel=0.05)


def test_the_rate_follows_a_change(clock: Clock) -> None:
    admission = Admission(1000, 10, clock)
    measure(admission, clock, images=400, seconds=20)
    measure(admission, clock, images=60, seconds=30)
    assert admission.rate == pytest.approx(2, rel=0.1)
    measure(admission, clock, images=600, seconds=30)
    assert admission.rate == pytest.approx(20, rel=0.1)


def test_who_would_wait_too_long_is_refused_and_told_when_to_come_back(clock: Clock) -> None:
    admission = Admission(1000, 10, clock)
    measure(admission, clock, images=60, seconds=30)  # 2 a second: there is room for 20
    with ExitStack() as stack:
        hold(stack, admission, 19)
        full = refusal(admission, 9)
        assert full.retry_after == 4  # 8 too many at 2 a second
        assert admission.inside == 19


def test_nobody_is_told_to_wait_longer_than_anybody_inside_will(clock: Clock) -> None:
    """Whoever is inside is answered or past the deadline by then."""
    admission = Admission(1000, 10, clock)
    measure(admission, clock, images=1, seconds=600)
    with ExitStack() as stack:
        hold(stack, admission)
        assert refusal(admission, 500).retry_after == 10
        for _ in range(4000):  # nothing is ever answered again: the rate fades below what a float can divide by
            clock.now += 1
            assert refusal(admission).retry_after <= 10


def test_what_was_given_up_does_not_look_like_speed(clock: Clock) -> None:
    """Else an overload whose images all pass their deadline would be taken for a fast model."""
    admission = Admission(1000, 10, clock)
    with ExitStack() as stack:
        for _ in range(100):
            hold(stack, admission)
        for _ in range(10):
            clock.now += 1
            admission.finished()
    assert admission.rate == pytest.approx(1, rel=0.3)
    with ExitStack() as stack:
        hold(stack, admission, 5)
        refusal(admission, 100)


def test_a_clock_that_stands_still_divides_by_nothing(clock: Clock) -> None:
    admission = Admission(2, 10, clock)
    for _ in range(10):
        with admission.permits(1):
            admission.finished()
    assert admission.rate == float("inf")
    with admission.permits(2):
        assert refusal(admission).retry_after == 1


def test_to_look_for_room_takes_none() -> None:
    admission = Admission(2, 10.0)
    with admission.permits(2):
        for _ in range(3):
            with pytest.raises(Full):
                admission.check()
        assert admission.inside == 2
    admission.check()
    assert admission.inside == 0
