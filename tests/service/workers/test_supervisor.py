"""Real processes under a supervisor: who dies or hangs is replaced, and all end when they are told to."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.service.support.process import read_log, wait_until


class Supervised:
    """A supervisor in a process of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log

    def lines(self, event: str, role: str = "worker-0") -> list[dict[str, Any]]:
        return [line for line in read_log(self._log) if line["event"] == event and line.get("role", role) == role]

    def wait_for(self, event: str, role: str = "worker-0", times: int = 1) -> list[dict[str, Any]]:
        """The lines of an event once there are as many."""
        wait_until(lambda: len(self.lines(event, role)) >= times)
        return self.lines(event, role)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


Supervise = Callable[..., AbstractContextManager[Supervised]]


@pytest.fixture
def supervise(tmp_path: Path) -> Supervise:
    """Starts processes that do what their names say; see tests/service/support/supervised.py."""

    @contextmanager
    def start(*names: str) -> Iterator[Supervised]:
        root = Path(__file__).parents[3]
        command = [sys.executable, "-m", "tests.service.support.supervised", *names]
        with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stderr=log, cwd=root) as process:
            try:
                yield Supervised(process, tmp_path / "log")
            finally:
                process.kill()

    return start


def test_who_is_killed_is_replaced_and_all_end_when_they_are_told_to(supervise: Supervise) -> None:
    with supervise("lives", "lives") as supervised:
        [line] = supervised.wait_for("worker started")
        supervised.wait_for("worker started", "worker-1")
        os.kill(line["pid"], signal.SIGKILL)
        [ended] = supervised.wait_for("worker ended")
        assert (ended["level"], ended["reason"], ended["pid"]) == ("error", "killed by SIGKILL", line["pid"])
        assert supervised.wait_for("worker started", times=2)[1]["pid"] != line["pid"]
        assert supervised.stop() == 0
        assert supervised.lines("worker ended")[-1]["reason"] == "exit code 0"
        [other] = supervised.lines("worker ended", "worker-1")
        assert other["level"] == "info"


def test_who_hangs_is_killed_and_replaced(supervise: Supervise) -> None:
    with supervise("hangs_once") as supervised:
        [ended] = supervised.wait_for("worker ended")
        assert ended["reason"] == "its event loop stood still for 1.5 s"
        supervised.wait_for("worker started", times=2)
        assert supervised.stop() == 0


def test_a_supervisor_that_was_stopped_itself_does_not_take_its_processes_for_hanging(supervise: Supervise) -> None:
    with supervise("lives") as supervised:
        supervised.wait_for("worker started")
        os.kill(supervised.process.pid, signal.SIGSTOP)
        with pytest.raises(subprocess.TimeoutExpired):
            supervised.process.wait(2)
        os.kill(supervised.process.pid, signal.SIGCONT)
        assert supervised.stop() == 0
        assert [line["reason"] for line in supervised.lines("worker ended")] == ["exit code 0"]


@pytest.mark.parametrize("name", ["fails", "exits"])
def test_it_ends_when_none_can_start(supervise: Supervise, name: str) -> None:
    with supervise(name, name) as supervised:
        assert supervised.process.wait(60) == 1
        assert supervised.lines("no process was able to start; the lines above say why")
        assert supervised.lines("worker ended")[0]["reason"] == f"exit code {3 if name == 'exits' else 1}"
        told = ["it cannot start" in line["exception"] for line in supervised.lines("worker failed")]
        assert all(told) if name == "fails" else not told


def test_one_that_cannot_start_is_tried_again_after_growing_pauses(supervise: Supervise) -> None:
    with supervise("fails", "lives") as supervised:
        supervised.wait_for("worker ended", times=4)
        started = [line["time"] for line in supervised.lines("worker started")]
        pauses = [_seconds(later) - _seconds(earlier) for earlier, later in itertools.pairwise(started)]
        assert pauses[0] > 0.09
        assert pauses[1] > 0.19
        assert pauses[2] > 0.39
        assert supervised.stop() == 0


def test_one_that_starts_in_the_end_is_kept(supervise: Supervise) -> None:
    with supervise("starts_at_third", "lives") as supervised:
        supervised.wait_for("worker started", times=3)
        assert supervised.stop() == 0
        reasons = [line["reason"] for line in supervised.lines("worker ended")]
        assert reasons == ["killed by SIGKILL", "killed by SIGKILL", "exit code 0"]


def test_a_second_signal_ends_the_grace_and_then_who_stays_is_killed(supervise: Supervise) -> None:
    with supervise("stays", "lives") as supervised:
        supervised.wait_for("worker started", "worker-1")
        supervised.process.send_signal(signal.SIGINT)
        supervised.wait_for("worker ended", "worker-1")
        assert not supervised.lines("worker ended")
        assert supervised.stop() == 1
        assert [line["reason"] for line in supervised.lines("worker ended")] == ["it did not finish within the grace"]


def _seconds(time: str) -> float:
    hours, minutes, seconds = time.partition("T")[2].partition("+")[0].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
