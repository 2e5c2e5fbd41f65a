"""A long mixed load: what it does to memory, files and threads of the service, and what was answered.

    python -m benchmarks.soak [--minutes 60] [--clients 12] [--workers 2] [--log FILE]

Each client asks for something else all the time: an image as it is or in a form, a batch, one with a broken image in
it, a broken image, a text, a model that is not there, half a request before it leaves, a whole one whose answer it does
not wait for. Every ten seconds the processes are looked at; the slope is that of a line through the second half, when
all that is kept has been made. Linux only.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path

from benchmarks.overload import read_answer
from service.background import HOST, Running, running
from service.demo import SAMPLES

_EVERY_S = 10.0
_BOUNDARY = "soak"
_PREDICT, _BATCH = "/v1/predict", "/v1/predict/batch"
Kinds = Mapping[str, Callable[[random.Random], bytes]]
_FORM = f"multipart/form-data; boundary={_BOUNDARY}"


@dataclass(frozen=True, slots=True)
class Look:
    """What all processes of the service hold: megabytes (what they share is counted once), files, threads."""

    seconds: float
    memory_mb: float
    files: int
    threads: int
    processes: int


def look(service: Running, began: float) -> Look:
    """Look at the processes of ``service`` now."""
    pids = [service.process.pid, *service.workers()]
    memory = sum(_kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids) / 1000
    files = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)
    threads = sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in pids)
    return Look(round(time.monotonic() - began, 1), memory, files, threads, len(pids))


def _kilobytes(file: Path, what: str) -> int:
    return next(int(line.split()[1]) for line in file.read_text(encoding="ascii").splitlines() if line.startswith(what))


def request(path: str, content_type: str, body: bytes) -> bytes:
    """One whole HTTP request."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def form(field: str, images: list[bytes]) -> bytes:
    """A form with the images."""
    head = f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="{field}"; filename="a"\r\n\r\n'.encode()
    return b"".join(head + image + b"\r\n" for image in images) + f"--{_BOUNDARY}--\r\n".encode()


def requests(images: list[bytes]) -> Kinds:
    """What clients send, by name."""

    def one(chance: random.Random) -> bytes:
        return chance.choice(images)

    def some(chance: random.Random) -> list[bytes]:
        return chance.choices(images, k=chance.randint(1, 16))

    return {
        "image": lambda chance: request(_PREDICT, "image/*", one(chance)),
        "form": lambda chance: request(_PREDICT, _FORM, form("file", [one(chance)])),
        "batch": lambda chance: request(_BATCH, _FORM, form("files", some(chance))),
        "batch with a broken one": lambda chance: request(_BATCH, _FORM, form("files", [*some(chance), b"\x89PNG"])),
        "broken": lambda chance: request(_PREDICT, "image/*", one(chance)[: chance.randint(1, 400)]),
        "text": lambda _: request(_PREDICT, "text/plain", b"hello"),
        "no such model": lambda chance: request("/v1/models/nobody/predict", "image/*", one(chance)),
    }


async def client(port: int, number: int, kinds: Kinds, tally: Counter[str]) -> None:
    """Ask for ever; now and then leave in the middle."""
    chance = random.Random(number)  # noqa: S311 - must repeat, not be secret
    while True:
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            for _ in range(chance.randint(1, 50)):
                kind = chance.choice(list(kinds))
                whole, leaves = kinds[kind](chance), chance.random()
                writer.write(whole[: chance.randrange(len(whole))] if leaves < 0.02 else whole)
                if leaves < 0.04:
                    tally["left"] += 1
                    break
                status, close = await read_answer(reader)
                tally[f"{kind}: {status}"] += 1
                if close:
                    break
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            tally[type(error).__name__] += 1
        finally:
            writer.close()


async def soak(given: argparse.Namespace, service: Running) -> tuple[list[Look], Counter[str]]:
    """Put ``service`` under load, and look at it."""
    images = [file.read_bytes() for file in sorted(SAMPLES.rglob("*.*")) if file.suffix in {".jpg", ".png"}]
    tally: Counter[str] = Counter()
    kinds, began, looks = requests(images), time.monotonic(), []
    tasks = [asyncio.create_task(client(service.port, number, kinds, tally)) for number in range(given.clients)]
    with given.log.open("w", encoding="utf-8") as log:
        while time.monotonic() - began < given.minutes * 60:
            await asyncio.sleep(min(_EVERY_S, given.minutes * 15))
            looks.append(await asyncio.to_thread(look, service, began))
            print(json.dumps(asdict(looks[-1]) | {"answered": tally.total()}), file=log, flush=True)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if not isinstance(error, asyncio.CancelledError):
            raise RuntimeError("a client has ended") from error if isinstance(error, Exception) else None
    await asyncio.sleep(1)
    looks.append(look(service, began))
    return looks, tally


def slope(looks: list[Look], value: Callable[[Look], float]) -> float:
    """How much ``value`` grows in an hour, over the second half."""
    half = looks[len(looks) // 2 :]
    return statistics.linear_regression([each.seconds / 3600 for each in half], [value(each) for each in half]).slope


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--workers", default="2")
    parser.add_argument("--log", type=Path, default=Path("soak.jsonl"))
    given = parser.parse_args()
    with running({"workers": given.workers, "log_level": "error"}, subprocess.DEVNULL) as service:
        looks, tally = asyncio.run(soak(given, service))
    for name, count in sorted(tally.items()):
        print(f"{count:10,}  {name}")
    for name in ("memory_mb", "files", "threads", "processes"):
        at, half, end = map(attrgetter(name), (looks[0], looks[len(looks) // 2], looks[-1]))
        grows = slope(looks[:-1], attrgetter(name))  # the last one is after the load
        print(f"{name:10} {at:.1f} at first, {half:.1f} half-way, {end:.1f} at the end; {grows:+.2f} an hour")


if __name__ == "__main__":
    main()
