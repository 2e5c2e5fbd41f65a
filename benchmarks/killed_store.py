"""kill -9 at random moments of publishing and promoting, in a folder and in a bucket: what stands after each.

    python -m benchmarks.killed_store [--kills 30] [--places folder s3]

A process publishes, or moves an alias, and is killed while it does so. Then the store is read as another machine would
read it: every version that it shows must prove itself, the alias must name a version, and the next change must find
nothing in its way. The bucket is behind a server that speaks S3 (moto).
"""

import argparse
import logging
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from models.aliases import move_alias
from models.bucket.cache import Cache
from models.golden import GoldenImage, read
from models.layout import GOLDEN_DIR, graph_file
from models.locations import default_root, parse_location
from models.opening import prove_version
from models.publish import GraphFile, Release, publish
from models.store import Store

_MODEL, _ALIAS = "fashion-mnist", "production"
_WHO = {"who": "benchmark", "why": "to be killed"}
_BUCKET = "killed"


def release() -> Release:
    """The shipped version, to be published once more."""
    store = Store(default_root())
    bundle, manifest = store.bundle(_MODEL, 2), store.manifest(_MODEL, 2)
    golden = [
        GoldenImage(entry.file, (bundle / GOLDEN_DIR / entry.file).read_bytes(), entry.source)
        for entry in read(bundle).images
    ]
    return Release(
        labels=manifest.labels,
        input=manifest.input,
        graphs={name: GraphFile(bundle / graph_file(name), graph.measured) for name, graph in manifest.graphs.items()},
        decision=manifest.decision,
        metrics=manifest.metrics,
        provenance=manifest.provenance,
        golden=golden,
    )


def be(what: str, location: str, cache: str) -> None:
    """The process that is killed: says when it begins, and again when something is done."""
    store = Store(parse_location(location), cache=Cache(Path(cache)))
    made = release()
    other = {1: 2, 2: 1}
    store.look()  # which connects
    print("begun", flush=True)
    while True:
        if what == "publish":
            publish(store, _MODEL, made, **_WHO)
        else:
            move_alias(store, _MODEL, _ALIAS, other[store.aliases(_MODEL)[_ALIAS]], **_WHO)
        print("done", flush=True)


class Killer:
    """Kills processes that change the store at ``location``, and looks at what is left."""

    def __init__(self, location: str, folder: Path) -> None:
        self._location = location
        self._folder = folder
        self._proved: set[int] = set()
        self.seen: Counter[str] = Counter()
        store = self._fresh()
        for _ in range(2):
            publish(store, _MODEL, release(), **_WHO)
        move_alias(store, _MODEL, _ALIAS, 1, **_WHO)

    def kill(self, what: str, longest: float) -> str:
        """Kill one after so many seconds at most; returns what stands."""
        before = self._fresh()
        versions, alias = before.versions(_MODEL), before.aliases(_MODEL)[_ALIAS]
        with self._start(what) as process:
            _wait_for(process, "begun")
            began = time.monotonic()
            time.sleep(random.uniform(0, longest))  # noqa: S311 - a moment, not a secret
            process.kill()
            took = time.monotonic() - began
        return f"{what:8} killed after {1000 * took:6.1f} ms: {self._look(versions, alias)}"

    def seconds(self, what: str) -> float:
        """How long the first such change of a process takes."""
        with self._start(what) as process:
            _wait_for(process, "begun")
            began = time.monotonic()
            _wait_for(process, "done")
            took = time.monotonic() - began
            process.kill()
        return took

    def _start(self, what: str) -> "subprocess.Popen[str]":
        cache = self._folder / "its"
        command = [sys.executable, "-m", "benchmarks.killed_store", "--be", what, self._location, str(cache)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _fresh(self) -> Store:
        """As another machine would open it."""
        cache = self._folder / "mine"
        shutil.rmtree(cache, ignore_errors=True)
        return Store(parse_location(self._location), cache=Cache(cache))

    def _look(self, versions: list[int], alias: int) -> str:
        store = self._fresh()
        now, named = store.versions(_MODEL), store.aliases(_MODEL)[_ALIAS]
        for version in set(now) - self._proved:
            prove_version(store, _MODEL, version)
            self._proved.add(version)
        if not (set(versions) <= set(now) and named in now):
            raise RuntimeError(f"of the versions {versions} {now} are left, and {_ALIAS} names {named}")
        self.seen["published"] += len(now) - len(versions)
        self.seen["moved"] += named != alias
        entries = len(store.history(_MODEL))
        began = time.monotonic()
        move_alias(store, _MODEL, _ALIAS, named, **_WHO, expect=named)
        took = time.monotonic() - began
        return (
            f"{len(now)} versions ({len(now) - len(versions)} new), {_ALIAS} {alias} -> {named}, {entries} entries in "
            f"the log; the next change took {1000 * took:.0f} ms"
        )


def _wait_for(process: "subprocess.Popen[str]", word: str) -> None:
    for line in process.stdout or ():
        if line.strip() == word:
            return
    raise RuntimeError(f"the process ended with {process.wait()}")


@contextmanager
def folder_place(folder: Path) -> Iterator[str]:
    """A folder."""
    yield str(folder / "store")


@contextmanager
def s3_place(_: Path) -> Iterator[str]:
    """A bucket behind a server that speaks S3."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - they take a second, which --help need not
    from s3fs import S3FileSystem  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    S3FileSystem().mkdir(_BUCKET)
    yield f"s3://{_BUCKET}/models"
    server.stop()


_PLACES: dict[str, Callable[[Path], Iterator[str]]] = {"folder": folder_place, "s3": s3_place}


def measure(place: str, kills: int) -> None:
    """All kills at one place."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        killer = Killer(stack.enter_context(_PLACES[place](Path(folder))), Path(folder))
        for what in ("publish", "promote"):
            longest = 2 * killer.seconds(what)
            for number in range(1, kills + 1):
                print(f"{place:6} {number:2} {killer.kill(what, longest)}", flush=True)
        told = ", ".join(f"{count} {what}" for what, count in killer.seen.items())
        print(f"{place}: {2 * kills} kills; {told} before the kill; nothing half, nothing lost, nothing in the way")


def main() -> None:
    """Kill and print."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m benchmarks.killed_store", description=__doc__, formatter_class=raw)
    parser.add_argument("--kills", type=int, default=30, help="of each kind, at each place")
    parser.add_argument("--places", nargs="+", choices=list(_PLACES), default=list(_PLACES))
    parser.add_argument("--be", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.be:
        be(*given.be)
    for place in given.places:
        measure(place, given.kills)


if __name__ == "__main__":
    main()
