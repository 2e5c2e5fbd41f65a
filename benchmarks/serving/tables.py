"""Tables of one work, in Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.serving.figures import CLOSED, Figures, Rounds, ratio, spread
from benchmarks.serving.loads import LOADS
from benchmarks.serving.percentiles import Spread
from benchmarks.serving.records import Choice
from benchmarks.serving.works import Work

_NOTHING = "-"
_LIMITS = {"limit-run": "`session.run` alone", "limit-decode": "decode, resize, run"}
_TITLES = {load.name: load.title for load in LOADS}
_MS = 1000


def of_work(figures: Figures, work: Work, choices: Sequence[Choice]) -> Iterable[str]:
    """All tables of a work, with their headings."""
    servers = [target for target in figures.targets(work.name) if target not in _LIMITS]
    if work.loads != "start":
        yield f"### Images a second\n\n{_throughput(figures, work, servers)}"
        yield f"### Latency in closed loops: p50 / p99, ms\n\n{_latency(figures, work, servers)}"
        yield f"### Open loops, ms\n\n{_open(figures, work, servers)}"
    yield f"### Start and memory\n\n{_start(figures, work, servers)}"
    if choices:
        yield f"### Settings that were tried\n\n{_choices(choices)}"


def _throughput(figures: Figures, work: Work, servers: Sequence[str]) -> str:
    loads = (*CLOSED, "multipart-32", "batch-8")
    head = ("", *(_TITLES[load] for load in loads), "peak of `run`", "of decode + `run`", "CPU ms an image", "errors")
    limits = [
        (title, _cell(spread(rounds)), *[""] * (len(head) - 2))
        for limit, title in _LIMITS.items()
        if (rounds := figures.limit(work.name, limit))
    ]
    return table(head, [*limits, *(_throughput_row(figures, work.name, server, loads) for server in servers)])


def _throughput_row(figures: Figures, work: str, server: str, loads: Sequence[str]) -> list[str]:
    peak = figures.peak(work, server)
    errors = sum(sum(figures.rounds(work, server, load, "errors").values()) for load in loads)
    return [
        server,
        *(_cell(figures.spread(work, server, load)) for load in loads),
        *(_share(peak, figures.limit(work, limit)) for limit in _LIMITS),
        _cell(figures.spread(work, server, "closed-32", "cpu_ms")),
        f"{errors:.0f}",
    ]


def _latency(figures: Figures, work: Work, servers: Sequence[str]) -> str:
    loads = (*CLOSED, "multipart-32", "batch-8")

    def both(server: str, load: str) -> str:
        found = [figures.spread(work.name, server, load, key) for key in ("p50", "p99")]
        return " / ".join(_cell(one, _MS) for one in found) if all(found) else _NOTHING

    return table(("", *(_TITLES[load] for load in loads)), [[s, *(both(s, load) for load in loads)] for s in servers])


def _open(figures: Figures, work: Work, servers: Sequence[str]) -> str:
    steady = ("70 %: sent / s", "p50", "p99", "not 200")
    overload = ("300 %: to send / s", "goodput / peak", "p50 of 200", "p99 of 200")
    refused = ("429", "p50 of 429", "p99 of 429", "other status", "no answer", "p99 sent late by", "cores for wrk")
    return table(("", *steady, *overload, *refused), [_open_row(figures, work.name, server) for server in servers])


def _open_row(figures: Figures, work: str, server: str) -> list[str]:
    def at(load: str, key: str, scale: float = 1) -> str:
        return _cell(figures.spread(work, server, load, key), scale)

    def counted(load: str, *keys: str) -> str:
        rounds = [figures.rounds(work, server, load, key) for key in keys]
        return f"{sum(sum(found.values()) for found in rounds):.0f}" if any(rounds) else _NOTHING

    goodput = figures.rounds(work, server, "overload", "goodput")
    return [
        server,
        at("steady", "offered"),
        *(at("steady", key, _MS) for key in ("p50", "p99")),
        counted("steady", "rejected", "other", "lost", "unanswered"),
        at("overload", "offered"),
        _share(goodput, figures.peak(work, server)),
        *(at("overload", key, _MS) for key in ("p50", "p99")),
        counted("overload", "rejected"),
        *(at("overload", key, _MS) for key in ("rejected_p50", "rejected_p99")),
        counted("overload", "other"),
        counted("overload", "lost", "unanswered"),
        at("overload", "late_p99", _MS),
        at("overload", "wrk_cores"),
    ]


def _start(figures: Figures, work: Work, servers: Sequence[str]) -> str:
    def memory(server: str) -> Spread | None:
        busy = figures.spread(work.name, server, "closed-32", "memory")
        return busy or figures.spread(work.name, server, "start", "memory")

    head = ("", "start to first answer, s", "memory, MB")
    rows = [(s, _cell(figures.spread(work.name, s, "start", "first_answer")), _cell(memory(s))) for s in servers]
    return table(head, rows)


def _choices(choices: Sequence[Choice]) -> str:
    rows = [
        (choice.target, f"**{setting}**" if setting == choice.setting else setting, number(rate))
        for choice in choices
        for setting, rate in choice.tried.items()
    ]
    return table(("", "setting (the one in bold was measured)", "images a second"), rows)


def table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown, numbers to the right."""
    columns = "| --- |" + " ---: |" * (len(head) - 1) if any(head) else "| --- | --- |"
    return "\n".join(["| " + " | ".join(cells) + " |" for cells in [head]] + [columns] + _lines(rows))


def number(value: float) -> str:
    """Three digits or all before the point, as people read them."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _lines(rows: Iterable[Iterable[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in rows]


def _cell(found: Spread | None, scale: float = 1) -> str:
    if found is None:
        return _NOTHING
    away = max(found.greatest - found.median, found.median - found.least)
    told = number(found.median * scale)
    return told if away == 0 or not found.median else f"{told} ±{away / found.median:.0%}"


def _share(above: Rounds, below: Rounds) -> str:
    found = spread(ratio(above, below))
    return _NOTHING if found is None else f"{found.median:.2f}"
