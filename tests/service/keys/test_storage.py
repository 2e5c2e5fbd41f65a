"""The memory that processes count in, under the strategies of the library that counts by it."""

import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from service.keys.storage import SharedStorage
from service.workers.board import Board

TEN = parse("10/minute")


@dataclass
class Clock:
    now: float = 6000.0  # where a minute begins

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storages(clock: Clock) -> list[SharedStorage]:
    """Those of two processes."""
    windows = [slot.windows for slot in Board(["worker", "worker"]).slots]
    return [SharedStorage(own, windows, clock) for own in windows]


def test_two_processes_count_together(storages: list[SharedStorage]) -> None:
    limiters = [SlidingWindowCounterRateLimiter(storage) for storage in storages]
    passed = [limiters[number % 2].hit(TEN, "a") for number in range(14)]
    assert passed == [True] * 10 + [False] * 4
    assert limiters[0].hit(TEN, "b")
    assert [limiter.get_window_stats(TEN, "b").remaining for limiter in limiters] == [9, 9]


def test_the_window_slides(storages: list[SharedStorage], clock: Clock) -> None:
    limiter = SlidingWindowCounterRateLimiter(storages[0])
    for _ in range(10):
        assert limiter.hit(TEN, "a")
    clock.now += 59
    assert not limiter.hit(TEN, "a")
    clock.now += 31  # half a minute into the next: half of what the one before had still counts
    assert [limiter.hit(TEN, "a") for _ in range(6)] == [True] * 5 + [False]
    clock.now += 1000
    assert limiter.get_window_stats(TEN, "a").remaining == 10


def test_when_there_is_room_again_is_told_truly(storages: list[SharedStorage], clock: Clock) -> None:
    limiter = SlidingWindowCounterRateLimiter(storages[0])
    for start in (10.0, 75.0, 100.0):  # seconds within windows that are empty, then follow a full one
        clock.now = 6000.0 + start
        while limiter.hit(TEN, "a"):
            pass
        wait = limiter.get_window_stats(TEN, "a").reset_time - time.time()
        assert wait > 0
        clock.now += wait - 0.5
        assert not limiter.hit(TEN, "a")
        clock.now += 1
        assert limiter.hit(TEN, "a")


def test_one_that_counted_at_the_same_moment_is_seen(
    storages: list[SharedStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and counting another process takes what was left: who comes second takes its own back."""
    mine, other = storages
    limiter = SlidingWindowCounterRateLimiter(mine)
    assert all(limiter.hit(TEN, "a") for _ in range(9))
    add = mine._own.add  # noqa: SLF001 - there is no other place to come between

    def late(*args: int) -> None:
        monkeypatch.undo()
        assert SlidingWindowCounterRateLimiter(other).hit(TEN, "a")
        add(*args)

    monkeypatch.setattr(mine._own, "add", late)  # noqa: SLF001
    assert not limiter.hit(TEN, "a")
    assert mine.get_sliding_window(TEN.key_for("a"), 60)[2] == 10


def test_it_agrees_with_the_library_in_everything_else(storages: list[SharedStorage]) -> None:
    """Fixed windows, and what a storage must be able to do besides."""
    storage, key = storages[0], TEN.key_for("a")
    theirs = MemoryStorage()
    for each in (storage, theirs):
        limiter = FixedWindowRateLimiter(each)
        assert [limiter.hit(TEN, "a") for _ in range(11)] == [True] * 10 + [False]
        assert each.get(key) == 11
        assert 0 < each.get_expiry(key) - time.time() <= 60
        each.clear(key)
        assert each.get(key) == 0
        assert each.get("never counted") == 0
        assert each.check()
        assert SlidingWindowCounterRateLimiter(each).hit(TEN, "b")
        each.clear_sliding_window(TEN.key_for("b"), 60)
        assert SlidingWindowCounterRateLimiter(each).get_window_stats(TEN, "b").remaining == 10
        each.incr(key, 60, 3)
        each.reset()
        assert each.get(key) == 0


_KILLED = """
import os, signal, time
from limits import parse
from limits.strategies import SlidingWindowCounterRateLimiter
from service.keys.storage import SharedStorage
from service.workers.board import Board

board, rate = Board(["worker", "worker"]), parse("1000000/day")
windows = [slot.windows for slot in board.slots]

def counts(own):
    limiter = SlidingWindowCounterRateLimiter(SharedStorage(own, windows))
    while limiter.hit(rate, "a"):
        pass

def counted():
    return SharedStorage(windows[0], windows).get(rate.key_for("a"))

for _ in range(10):
    before, pid = counted(), os.fork()
    if not pid:
        counts(windows[0])
    while counted() < before + 100:
        pass
    os.kill(pid, signal.SIGKILL)
    os.wait()
    limiter = SlidingWindowCounterRateLimiter(SharedStorage(windows[1], windows))
    after = counted()
    assert after >= before + 100 and limiter.hit(rate, "a") and counted() == after + 1
print("whole")
"""


def test_what_is_killed_while_it_counts_leaves_its_counts(storages: list[SharedStorage]) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["whole"]
