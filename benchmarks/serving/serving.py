"""A server that answers, put under its loads."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.serving.answers import HOST, check
from benchmarks.serving.loads import Load
from benchmarks.serving.percentiles import percentile
from benchmarks.serving.processes import Tree
from benchmarks.serving.targets import DEADLINE_S, Setting
from benchmarks.serving.works import Work
from benchmarks.serving.wrk import Message, Open, closed_loop, most_connections, open_loop

# The open loop: enough connections for two seconds of requests at rest; for all that wait within the deadline when
# there is too much. Each is a thread of wrk, which wakes ten times a second: 1,536 took 0.1 of a core for nothing. The
# most are those that our service lets in (queue_capacity) and a quarter to be refused.
_AT_REST_S = 2.0
_FEWEST, _MOST_AT_REST, _MOST = 16, 256, 1280
_DRAIN_S = 1.0
_ACCEPTED = 200
_REJECTED = 429


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers; ``first_answer`` is the seconds that it took from its start."""

    tree: Tree
    port: int
    work: Work
    setting: Setting
    messages: Mapping[str, Message]
    first_answer: float

    def measure(self, load: Load, seconds: float, peak: float) -> dict[str, float]:
        """Put it under a load; ``peak`` is in images a second. Raises LoadFailed, or ServerFailed where it errs."""
        if load.form != "single":  # not before: a batch of 32 takes memory that would count for nothing else
            check(self.port, self.setting.paths[load.form], self.messages[load.form], self.work)
        computed = self.tree.cpu_seconds()
        values = self._closed(load, seconds) if load.connections else self._open(load, seconds, peak)
        done = values.pop("images")
        if done:
            values["cpu_ms"] = (self.tree.cpu_seconds() - computed) / done * 1000
        return values

    def _closed(self, load: Load, seconds: float) -> dict[str, float]:
        url, message = self._where(load)
        found = closed_loop(url, message, load.connections, seconds)
        values = {
            "rate": found.rate * message.images,
            "errors": sum(found.errors.values()),
            "images": found.good * message.images,
            "wrk_cores": found.cores,
        }
        return values | ({"p50": found.p50, "p99": found.p99, "longest": found.longest} if found.good else {})

    def _open(self, load: Load, seconds: float, peak: float) -> dict[str, float]:
        url, message = self._where(load)
        rate, overload = peak * load.share, load.share > 1
        waiting, most = (DEADLINE_S, _MOST) if overload else (_AT_REST_S, _MOST_AT_REST)
        connections = min(max(_FEWEST, round(rate * waiting)), most, most_connections())
        drain = min(DEADLINE_S + 1.0, seconds) if overload else _DRAIN_S
        found = open_loop(url, message, rate, seconds * load.longer, drain, connections)
        return {"offered": rate, "connections": connections, **summary(found)}

    def _where(self, load: Load) -> tuple[str, Message]:
        form = self.setting.form if load.form == "single" else load.form
        return f"http://{HOST}:{self.port}{self.setting.paths[form]}", self.messages[form]


def summary(found: Open) -> dict[str, float]:
    """What is kept of an open loop: latencies of what was accepted and of what was rejected, and who got neither."""
    accepted, rejected = found.latencies(_ACCEPTED), found.latencies(_REJECTED)
    values = {
        "sent": found.sent,
        "goodput": found.goodput(DEADLINE_S),
        "accepted": len(accepted),
        "rejected": len(rejected),
        "other": len(found.answers) - len(accepted) - len(rejected),
        "lost": found.lost,
        "unanswered": found.sent - len(found.answers) - found.lost,
        "images": len(accepted),
        "wrk_cores": found.cores,
    }
    if found.answers:
        values["late_p99"] = percentile([answer.late for answer in found.answers], 99)
    for name, latencies in (("", accepted), ("rejected_", rejected)):
        if latencies:
            values |= {f"{name}p50": percentile(latencies, 50), f"{name}p99": percentile(latencies, 99)}
    return values
