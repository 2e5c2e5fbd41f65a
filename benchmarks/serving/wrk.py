"""Runs wrk, in a closed and in an open loop, and reads what it found.

One tool for both: it costs little (a thread in C, 10 to 20 microseconds a request), and Debian has it. Of the open-loop
tools in Debian, hey and bombardier count latency from the sending, h2load paces each connection by itself and all in
phase; vegeta, oha, k6 and wrk2 are not in Debian 12.
"""

import json
import math
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.serving.errors import LoadFailed, ToolMissing

_SCRIPTS = Path(__file__).parent
_LEAD_S, _THREADS_A_SECOND = 0.5, 400  # until the first request: wrk makes its threads meanwhile
_TIMEOUT_S = 120  # wrk's own of 2 s would give up what a slow network answers
_SPARE_FILES = 256


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: a body in a file, and its content type; ``images`` are in it."""

    file: Path
    content_type: str
    images: int = 1


@dataclass(frozen=True, slots=True)
class Closed:
    """What a closed loop found: good answers and how many came a second, latencies in seconds, and errors by kind.

    ``status`` among the errors is any but 2xx and 3xx; wrk counts such answers among the latencies. ``cores`` are what
    wrk took.
    """

    good: int
    rate: float
    cores: float
    p50: float
    p99: float
    longest: float
    errors: dict[str, int]


class Answer(NamedTuple):
    """``latency`` counts from the moment at which the request should have been sent, ``late`` is how much of it passed
    before it was; ``end`` counts from the start. All in seconds.
    """

    status: int
    latency: float
    late: float
    end: float


@dataclass(frozen=True, slots=True)
class Open:
    """What an open loop found.

    Of all that were to be sent, some may not have been, for all connections were waiting until the end. ``lost`` ones
    saw their connection closed in place of an answer; ``resent`` are those whose connection was closed before, while it
    was idle. ``cores`` are what wrk took to send all this.
    """

    seconds: float
    sent: int
    lost: int
    resent: int
    cores: float
    answers: list[Answer]

    def latencies(self, status: int) -> list[float]:
        """Those of the answers of one status."""
        return [answer.latency for answer in self.answers if answer.status == status]

    def goodput(self, deadline: float) -> float:
        """Answers of status 200 a second that came while requests were sent, each within ``deadline`` seconds."""
        good = (a.latency <= deadline and a.end <= self.seconds for a in self.answers if a.status == 200)
        return sum(good) / self.seconds


def closed_loop(url: str, message: Message, connections: int, seconds: float) -> Closed:
    """Send as fast as ``connections`` are answered; raises LoadFailed."""
    before = _children_seconds()
    output = _wrk(url, "closed.lua", message, (), threads=1, connections=connections, seconds=seconds)
    return parse_closed(output, _children_seconds() - before)


def open_loop(url: str, message: Message, rate: float, seconds: float, drain: float, connections: int) -> Open:
    """Send ``rate`` requests a second for ``seconds``, and wait for answers ``drain`` seconds longer.

    At most ``connections`` wait at a time. Raises LoadFailed.
    """
    lead = _LEAD_S + connections / _THREADS_A_SECOND
    more, total = (str(rate), str(seconds), str(lead)), lead + seconds + drain
    output = _wrk(url, "open.lua", message, more, threads=connections, connections=connections, seconds=total)
    return parse_open(output, seconds)


def parse_closed(output: str, computed: float) -> Closed:
    """Read what ``closed.lua`` printed in the end; ``computed`` are the seconds that wrk took."""
    found = json.loads(output.splitlines()[-1])
    errors = {kind: found[kind] for kind in ("status", "connect", "read", "write", "timeout")}
    seconds, good = found["duration"] / 1e6, found["requests"] - found["status"]
    p50, p99, longest = (found[key] / 1e6 for key in ("p50", "p99", "max"))
    return Closed(good, good / seconds, computed / seconds, p50, p99, longest, errors)


def parse_open(output: str, seconds: float) -> Open:
    """Read what ``open.lua`` printed in the end."""
    lines = [line.split() for line in output.splitlines()]
    sums = {line[0]: float(line[1]) for line in lines if line and line[0] in {"sent", "lost", "resent", "cores"}}
    rows = (line for line in lines if line and line[0] == "answer")
    answers = [Answer(int(status), *map(float, times)) for _, status, *times in rows]
    return Open(seconds, int(sums["sent"]), int(sums["lost"]), int(sums["resent"]), sums["cores"], answers)


def find_wrk() -> str:
    """The path of wrk; raises ToolMissing."""
    path = shutil.which("wrk")
    if path is None:
        raise ToolMissing("wrk is not installed: apt-get install wrk (brew install wrk; or build github.com/wg/wrk)")
    return path


def allow_files() -> None:
    """Let this process and those it starts open as many files as the system allows: connections are files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def most_connections() -> int:
    """How many connections wrk can keep in the open loop, where each takes three files."""
    return (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_FILES) // 3


def _children_seconds() -> float:
    """What the processes have computed that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wrk(
    url: str, script: str, message: Message, more: tuple[str, ...], *, threads: int, connections: int, seconds: float
) -> str:
    options = ["-t", str(threads), "-c", str(connections), "-d", f"{math.ceil(seconds)}s"]
    command = [find_wrk(), *options, "--timeout", f"{_TIMEOUT_S}s", "-s", str(_SCRIPTS / script), url, "--"]
    command += [str(message.file), message.content_type, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadFailed(f"wrk ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
