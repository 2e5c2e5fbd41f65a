"""What the service does under load, beside what the hardware can do and what comparable servers do:

    python -m benchmarks.serving [STEP...] [--run NAME] [--rounds 3] [--seconds 10] [--works small,mid,...]

Three steps, all where none is named: ``works`` makes networks with random weights in build/benchmarks, once;
``measure`` puts every server under closed and open loops, in three interleaved rounds; ``report`` writes
benchmarks/RESULTS.md from benchmarks/results/serving.jsonl. A run that is killed goes on where it was when it is
started again with the same name, which is today's date where none is given. It takes about two and a half hours, on a
machine that does nothing else:

    nohup make bench > bench.log 2>&1 &

To try something, in two minutes, with a table on the screen and nothing written to the results that are kept:

    python -m benchmarks.serving --seconds 2 --rounds 1 --works small --servers ours,fastapi --results build/try.jsonl

Needs Linux and wrk (apt-get install wrk); the peers are in .venv-bench (make .venv-bench/peers).
"""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, TypeVar

from benchmarks.serving.errors import BenchmarkFailed, ToolMissing
from benchmarks.serving.ledger import Ledger
from benchmarks.serving.limits import Limit, limits
from benchmarks.serving.machine import describe
from benchmarks.serving.measure import Plan, measure
from benchmarks.serving.records import RESULTS, read
from benchmarks.serving.report import page, write
from benchmarks.serving.targets import OURS, PEERS_PYTHON, Server, ours, peers
from benchmarks.serving.works import WORKS, Work
from benchmarks.serving.wrk import allow_files, find_wrk

T = TypeVar("T")
_STEPS = ("works", "measure", "report")


def main() -> None:
    """Do the steps; exit code 1 with a reason where one cannot be done."""
    signal.signal(signal.SIGTERM, _end)
    given = _arguments()
    steps = given.steps or _STEPS
    try:
        works = [_named(name, WORKS, "work") for name in given.works.split(",")]
        if "works" in steps:
            _make(works)
        if "measure" in steps:
            _measure(given, works)
        if "report" in steps:
            if given.results == RESULTS:
                write(read(RESULTS), given.run)
            else:
                print(page(read(given.results), given.run))
    except BenchmarkFailed as error:
        sys.exit(f"error: {error}")


def _arguments() -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m benchmarks.serving", description=__doc__, formatter_class=raw)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"{', '.join(_STEPS)}; all by default")
    parser.add_argument("--run", default=f"{datetime.now(UTC):%Y-%m-%d}", help="the name of the run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement; slow works take a multiple")
    parser.add_argument("--works", default=",".join(WORKS), help=f"of {', '.join(WORKS)}")
    parser.add_argument("--servers", help="names of servers and limits, all by default")
    parser.add_argument(
        "--ours",
        action="append",
        metavar="NAME=WORDS",
        help="our service with arguments, and settings as variables; several may be given: the wanted figures are of "
        f"the first, which is measured in eight bits as well; by default '{OURS}'",
    )
    parser.add_argument("--peers-python", type=Path, default=PEERS_PYTHON)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    unknown = set(given.steps) - set(_STEPS)
    if unknown:
        parser.error(f"there is no step {', '.join(sorted(unknown))}: {', '.join(_STEPS)}")
    given.ours = tuple(given.ours or [OURS])
    return given


def _make(works: Sequence[Work]) -> None:
    missing = [work for work in works if not work.is_made]
    if missing:
        from benchmarks.serving.make_works import make  # noqa: PLC0415 - torch takes seconds

    for work in missing:
        print(f"making {work.title}", flush=True)
        make(work)


def _measure(given: argparse.Namespace, works: Sequence[Work]) -> None:
    find_wrk()
    allow_files()
    missing = [work.name for work in works if not work.is_made]
    if missing:
        raise ToolMissing(f"{', '.join(missing)}: not made yet; do the step works")
    targets = _targets(given)
    if not given.peers_python.exists() and any(isinstance(t, Server) and t.module for t in targets):
        raise ToolMissing(f"the peers are not installed, there is no {given.peers_python}: make .venv-bench/peers")
    command = f"python -m benchmarks.serving {shlex.join(sys.argv[1:])}".strip()
    run = describe(given.run, command, given.seconds, given.ours, given.peers_python)
    print(f"run {run.run}; should it be killed: {command} --run {run.run}", flush=True)
    plan = Plan(given.seconds, given.rounds, works, targets, given.peers_python)
    measure(plan, Ledger(given.results, run))


def _targets(given: argparse.Namespace) -> list[Server | Limit]:
    cores = len(os.sched_getaffinity(0))
    name, _, words = given.ours[0].partition("=")
    mine = [ours(definition) for definition in (*given.ours, f"{name}-int8={words} --precision int8")]
    targets: tuple[Server | Limit, ...] = (*limits(cores), *mine, *peers(cores))
    known = {target.name: target for target in targets}
    names = given.servers.split(",") if given.servers else list(known)
    return [_named(name, known, "server") for name in names]


def _named(name: str, known: dict[str, T], kind: str) -> T:
    if name not in known:
        raise BenchmarkFailed(f"there is no {kind} {name!r}: {', '.join(known)}")
    return known[name]


def _end(*_: object) -> NoReturn:
    sys.exit("ended; the same command goes on from here")  # so that servers are stopped


if __name__ == "__main__":
    main()
