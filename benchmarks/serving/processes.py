"""Processes on Linux: all that a server started, what memory and time they take, and how they are stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.works import ROOT

_GRACE_S = 3.0  # a server that still has a queue is not waited for
_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
# Of /proc/PID/stat behind the name of the program, which may hold spaces: proc(5) counts these from 3.
_PARENT, _USER, _SYSTEM, _STARTED = 1, 11, 12, 19


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and all that descend from it; ``began`` is when it was started, by time.monotonic()."""

    process: "subprocess.Popen[bytes]"
    log: Path
    began: float

    def memory_mb(self) -> float:
        """The memory of all processes; what several share is counted once (proportional set size)."""
        return sum(_pss_kb(pid) for pid in self._stats()) / 1000

    def cpu_seconds(self) -> float:
        """The time that all processes have computed, ended ones left out."""
        return sum(int(stat[_USER]) + int(stat[_SYSTEM]) for stat in self._stats().values()) / _TICKS

    def ended(self) -> bool:
        """Whether the first process has ended."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """Ask the first process to end, and kill what is left of the others."""
        before = self._stats()  # those whose parent ends are another's children
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_GRACE_S)
        for pid, stat in before.items():
            now = _stat(pid)
            if now is not None and now[_STARTED] == stat[_STARTED]:  # else the number is another process's by now
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def _stats(self) -> dict[int, list[str]]:
        """What /proc says of every process of the tree."""
        found = {int(entry.name): _stat(int(entry.name)) for entry in _PROC.iterdir() if entry.name.isdecimal()}
        stats = {pid: stat for pid, stat in found.items() if stat is not None}
        tree = {self.process.pid}
        while more := {pid for pid, stat in stats.items() if int(stat[_PARENT]) in tree} - tree:
            tree |= more
        return {pid: stats[pid] for pid in tree if pid in stats}


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Tree]:
    """Start a server in the root of the project, and stop it in the end; what it says goes to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        began = time.monotonic()
        process = subprocess.Popen(command, env=_clean() | dict(environment), cwd=ROOT, stdout=file, stderr=file)
        tree = Tree(process, log, began)
        try:
            yield tree
        finally:
            tree.stop()


def _clean() -> dict[str, str]:
    """The environment without settings of the service, which are to come from nowhere but the plan."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WHATSIT_")}


def _stat(pid: int) -> list[str] | None:
    try:
        return (_PROC / str(pid) / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    except OSError:  # it has ended
        return None


def _pss_kb(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
