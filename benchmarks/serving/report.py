"""``RESULTS.md``, made of the lines of a run."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.serving.errors import BenchmarkFailed
from benchmarks.serving.figures import Figures
from benchmarks.serving.percentiles import Spread
from benchmarks.serving.records import Cell, Choice, Line, Run, of_run
from benchmarks.serving.tables import number, of_work, table
from benchmarks.serving.wanted import Wanted, wanted
from benchmarks.serving.works import ROOT, WORKS

PAGE = ROOT / "benchmarks" / "RESULTS.md"
# What stands outside of these is written by hand and stays.
_BEGIN = "<!-- made by `python -m benchmarks.serving report` from results/serving.jsonl: begin -->"
_END = "<!-- made by `python -m benchmarks.serving report` from results/serving.jsonl: end -->"
_METHOD = """\
Every server answers the same image with the same ONNX graph (normalisation inside) and sends the five likeliest labels
as JSON; requests are not logged by anybody. Settings of the peers are those of their documentation (addresses in
`benchmarks/serving/peers/`); where there are several, all were tried at 32 connections, and the one of most images a
second was measured. wrk sends from the same cores. In closed loops, latencies are wrk's; in open loops they count from
the moment at which a request should have been sent. Rounds are interleaved; figures are medians, with the largest
deviation of a round, and ratios are of values of one round. Memory is that of all processes of a server, after the load
of 32 connections, what they share counted once; it includes the network. CPU is the time of all processes of a server
for one image at 32 connections."""


def page(lines: Sequence[Line], name: str) -> str:
    """The tables of the run ``name``, or of the last one where there is none of that name; raises BenchmarkFailed."""
    runs = [line for line in lines if isinstance(line, Run)]
    if not runs:
        raise BenchmarkFailed("nothing is measured yet: do the step measure")
    run = next((run for run in runs if run.run == name), runs[-1])
    mine = of_run(lines, run.run)
    cells = [line for line in mine if isinstance(line, Cell)]
    choices = [line for line in mine if isinstance(line, Choice)]
    figures = Figures(cells)
    parts = [
        _facts(run, cells),
        _METHOD,
        "## What was wanted",
        _wanted(wanted(figures, run.cores, run.ours[0].partition("=")[0])),
    ]
    for work in WORKS.values():
        if figures.targets(work.name):
            mine_of_work = [choice for choice in choices if choice.work == work.name]
            parts += [f"## {work.title}", *of_work(figures, work, mine_of_work)]
    failures = [f"- {c.work}, {c.target}, {c.load}, round {c.round + 1}: {c.failed}" for c in figures.failures]
    if failures:
        parts += ["## What failed", "\n".join(failures)]
    return "\n\n".join(parts) + "\n"


def write(lines: Sequence[Line], name: str, path: Path = PAGE) -> None:
    """Put the tables between the marks in ``path``."""
    before = path.read_text(encoding="utf-8") if path.exists() else f"# Results\n\n{_BEGIN}\n{_END}\n"
    head, begin, rest = before.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not (begin and end):
        raise BenchmarkFailed(f"{path.name} has lost its marks; put them where the tables belong:\n{_BEGIN}\n{_END}")
    path.write_text(f"{head}{_BEGIN}\n\n{page(lines, name)}\n{_END}{tail}", encoding="utf-8")


def _facts(run: Run, cells: Iterable[Cell]) -> str:
    done = list(cells)
    rounds = len({cell.round for cell in done})
    commits = ", ".join(dict.fromkeys(f"`{cell.commit}`" for cell in done))
    rows = [
        ("measured", f"{run.at} to {done[-1].at if done else '-'} (UTC), {rounds} rounds of {run.seconds:g} s each"),
        ("commit", commits or "-"),
        ("command", f"`{run.command}`"),
        ("ours", "; ".join(f"`{definition}`" for definition in run.ours)),
        ("hardware", f"{run.hardware}, {run.cores} cores, {run.memory_gb:g} GB; Linux {run.kernel}"),
        ("load", run.wrk),
        *((f"packages, {whose}", _packages(found)) for whose, found in run.versions.items()),
    ]
    return table(("", ""), rows)


def _packages(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _wanted(rows: Iterable[Wanted]) -> str:
    return table(("work", "what", "wanted", "reached", "least to greatest", ""), list(map(_wanted_row, rows)))


def _wanted_row(row: Wanted) -> Iterator[str]:
    bound = f"at least {row.least:g}" if row.least is not None else f"at most {row.most:g}"
    yield from (row.work, row.what, f"{bound} {row.unit}".strip())
    yield "-" if row.reached is None else f"{number(row.reached.median)} {row.unit}".strip()
    yield _ends(row.reached)
    yield {None: "not measured", True: "yes", False: "**no**"}[row.met]


def _ends(spread: Spread | None) -> str:
    return "" if spread is None else f"{number(spread.least)} to {number(spread.greatest)}"
