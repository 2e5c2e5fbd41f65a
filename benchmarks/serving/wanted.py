"""What was wanted of the service, and what was reached: each a ratio or a figure of one round, and its spread."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.serving.figures import Figures, Rounds, ratio, spread, total
from benchmarks.serving.percentiles import Spread
from benchmarks.serving.targets import DEADLINE_S
from benchmarks.serving.works import WORKS

_RUN, _DECODE = "limit-run", "limit-decode"
_MOST_REJECTING_S = 0.05
_MOST_FIRST_S, _MOST_MEMORY_MB = 1.0, 180


@dataclass(frozen=True, slots=True)
class Wanted:
    """``least`` or ``most`` is what the median should be; ``reached`` is None where it was not measured."""

    work: str
    what: str
    reached: Spread | None
    least: float | None = None
    most: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median is as wanted; None where it was not measured."""
        if self.reached is None:
            return None
        return (self.least is None or self.reached.median >= self.least) and (
            self.most is None or self.reached.median <= self.most
        )


def wanted(figures: Figures, cores: int, ours: str = "ours") -> list[Wanted]:
    """All that is wanted of the works that were measured on ``cores`` cores."""
    rows = [*_throughput(figures, ours)]
    for work in WORKS.values():
        if work.loads != "start":
            rows += [*_latency(figures, work.name, ours), *_overload(figures, work.name, ours, cores)]
    return [row for row in (*rows, *_start(figures, ours)) if figures.targets(row.work)]


def _throughput(figures: Figures, ours: str) -> Iterator[Wanted]:
    def rate(work: str, load: str, target: str = ours) -> Rounds:
        return figures.rounds(work, target, load)

    mid, small = rate("mid", "closed-32"), rate("small", "closed-32")
    yield _ratio("mid", "32 connections / session.run alone", mid, figures.limit("mid", _RUN), least=0.82)
    yield _ratio("mid", "32 connections / best of the others", mid, figures.best_peer("mid", "closed-32"), least=1.15)
    vgg16 = figures.peak("vgg16", ours)
    yield _ratio("vgg16", "most images a second / session.run alone", vgg16, figures.limit("vgg16", _RUN), least=0.97)
    yield _ratio("small", "32 connections / decode, resize, run", small, figures.limit("small", _DECODE), least=0.75)
    yield _ratio("small", "32 connections / mosec", small, rate("small", "closed-32", "mosec"), least=1.1)
    yield _ratio("small", "multipart / raw body, 32 connections", rate("small", "multipart-32"), small, least=0.8)
    batches = rate("small", "batch-8")
    yield _ratio("small", "batches of 32 / decode, resize, run", batches, figures.limit("small", _DECODE), least=0.85)
    eight, full = rate("vgg16", "closed-8", f"{ours}-int8"), rate("vgg16", "closed-8")
    yield _ratio("vgg16", "eight bits / float32, 8 connections", eight, full, least=2.5)


def _latency(figures: Figures, work: str, ours: str) -> Iterator[Wanted]:
    p50, p99 = (figures.rounds(work, ours, "closed-1", key) for key in ("p50", "p99"))
    other = figures.rounds(work, "fastapi-latency", "closed-1", "p50")
    yield _ratio(work, "p50 at 1 connection / plain FastAPI with a thread a core", p50, other, most=1)
    yield _ratio(work, "p99 / p50 at 1 connection", p99, p50, most=1.5)
    if work != "small":
        steady = figures.rounds(work, ours, "steady", "p99")
        yield _ratio(work, "p99 at 70 % of peak / p50 at 1 connection", steady, p50, most=3)


def _overload(figures: Figures, work: str, ours: str, cores: int) -> Iterator[Wanted]:
    def at(key: str) -> Rounds:
        return figures.rounds(work, ours, "overload", key)

    name, peak = "3 times peak: ", figures.peak(work, ours)
    yield _ratio(work, f"{name}goodput / peak", at("goodput"), peak, least=0.95)
    left = {number: (cores - taken) / cores for number, taken in at("wrk_cores").items()}
    yield _ratio(work, f"{name}the same, of the cores that wrk leaves", ratio(at("goodput"), left), peak, least=0.95)
    yield Wanted(work, f"{name}p99 of accepted", spread(at("p99")), most=DEADLINE_S, unit="s")
    yield Wanted(work, f"{name}p99 of rejected", spread(at("rejected_p99")), most=_MOST_REJECTING_S, unit="s")
    neither = spread(total([at("other"), at("lost"), at("unanswered")]))
    yield Wanted(work, f"{name}requests with neither 200 nor 429", neither, most=0)


def _start(figures: Figures, ours: str) -> Iterator[Wanted]:
    first, memory = (figures.spread("shipped", ours, "start", key) for key in ("first_answer", "memory"))
    yield Wanted("shipped", "start to first answer", first, most=_MOST_FIRST_S, unit="s")
    yield Wanted("shipped", "memory", memory, most=_MOST_MEMORY_MB, unit="MB")


def _ratio(
    work: str, what: str, above: Rounds, below: Rounds, *, least: float | None = None, most: float | None = None
) -> Wanted:
    return Wanted(work, what, spread(ratio(above, below)), least, most)
