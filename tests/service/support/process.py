"""A service in a process of its own, and what it says of itself."""

import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from service.background import HOST, Running

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """The process and its log."""

    running: Running
    log: Path

    def lines(self, event: str | None = None, **members: object) -> list[dict[str, Any]]:
        """The log so far, each line parsed; only those of ``event`` and with ``members`` where given."""
        lines = read_log(self.log)
        wanted = members if event is None else members | {"event": event}
        return [line for line in lines if wanted.items() <= line.items()]

    def wait_for_lines(self, event: str | None = None, **members: object) -> list[dict[str, Any]]:
        """The same, once there is one."""
        wait_until(lambda: self.lines(event, **members) != [])
        return self.lines(event, **members)

    def metric(self, name: str) -> float:
        """The value of one sample, written as /metrics writes it; 0 when it is not there."""
        connection = HTTPConnection(HOST, self.running.port, timeout=_PATIENCE_S)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} ")), 0.0)

    def wait_for_metric(self, name: str, *, least: float = 0.0, most: float = math.inf) -> None:
        """Return once the sample is within bounds."""
        wait_until(lambda: least <= self.metric(name) <= most)

    def descriptors(self) -> int:
        """How many files and sockets the process has open; Linux only."""
        return len(list(Path(f"/proc/{self.running.process.pid}/fd").iterdir()))


def read_log(log: Path) -> list[dict[str, Any]]:
    """The lines so far, parsed."""
    whole = log.read_text(encoding="utf-8").rpartition("\n")[0]  # the last line may still be written
    return [json.loads(line) for line in whole.splitlines()]


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once ``condition`` holds; give up in the end rather than hang."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def wait_until_gone(pids: Iterable[int]) -> None:
    """Return once all these processes have ended; kill them where they do not, or they would be left behind."""
    try:
        wait_until(lambda: all(_gone(pid) for pid in pids))
    except AssertionError:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        raise


def _gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has asked yet how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
