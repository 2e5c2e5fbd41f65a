"""Lines of a made-up run."""

from benchmarks.serving.records import Cell, Choice, Line, Run


def run(name: str = "first") -> Run:
    """One on two cores."""
    return Run(
        run=name,
        command="python -m benchmarks.serving",
        seconds=10,
        ours=("ours=",),
        hardware="a processor",
        cores=2,
        memory_gb=8,
        kernel="6.1",
        versions={"ours": {"onnxruntime": "1.31.1"}, "peers": {"mosec": "0.9.8"}},
        wrk="wrk 4.1.0",
    )


def cell(work: str, target: str, load: str, *, number: int = 0, failed: str = "", **values: float) -> Cell:
    """A cell of the run ``first``."""
    return Cell(
        run="first", round=number, work=work, target=target, load=load, commit="c0ffee", values=values, failed=failed
    )


def lines() -> list[Line]:
    """Three rounds of the mid work, with ours, two peers and both limits."""
    found: list[Line] = [
        run(),
        Choice(run="first", work="mid", target="mosec", setting="two", tried={"one": 90.0, "two": 110.0}),
    ]
    for number, ours in enumerate((120.0, 150.0, 130.0)):
        found += [
            cell("mid", "limit-run", "loop", number=number, rate=160),
            cell("mid", "limit-decode", "loop", number=number, rate=140),
            cell("mid", "ours", "closed-1", number=number, rate=80, p50=0.01, p99=0.014, errors=0),
            cell(
                "mid", "ours", "closed-32", number=number, rate=ours, p50=0.2, p99=0.3, errors=2, cpu_ms=14, memory=90
            ),
            cell("mid", "mosec", "closed-32", number=number, rate=100, p50=0.3, p99=0.4, errors=0),
            cell("mid", "fastapi", "closed-32", number=number, rate=90, p50=0.3, p99=0.4, errors=0),
        ]
    found.append(cell("mid", "ours", "overload", goodput=96, wrk_cores=0.5, other=1, lost=0, unanswered=2, p99=9))
    found.append(cell("mid", "litserve", "start", failed="it ended with 1"))
    return found
