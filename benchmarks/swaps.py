"""An alias that moves under steady load: requests that fail, latencies, memory, and who really answered.

    python -m benchmarks.swaps [--swaps 100] [--rate 200] [--workers auto]

Half of the time nothing moves, to compare with. Then the alias goes back and forth between the two shipped versions of
cifar10. Each answer's probabilities are held against those that the version that it names gives for the same image; the
images are turned and cut until the two versions differ on each by more than can be mistaken.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import numpy as np
from PIL import Image

from benchmarks.soak import request
from models.aliases import move_alias
from models.decode import Limits, OpenImage
from models.locations import default_root
from models.opening import open_version
from models.preprocess import preprocess
from models.store import Store
from service.background import HOST, Running, running
from service.demo import SAMPLES

_MODEL, _VERSIONS = "cifar10", (1, 2)
_CONNECTIONS = 8
_TOLERANCE = 0.02  # between a batch of one and of eight, and what is rounded in answers
_DIFFERENT = 0.1


@dataclass
class Tally:
    """What came back in one part of the run."""

    seconds: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    versions: Counter[int] = field(default_factory=Counter)
    untrue: int = 0

    def row(self, title: str) -> str:
        """For people."""
        ranked = sorted(self.seconds)
        p50, p99 = (ranked[int(share * (len(ranked) - 1))] * 1000 for share in (0.5, 0.99))
        return (
            f"{title:14} {len(ranked)} answered, failed {dict(self.failed)}, p50 {p50:.2f} ms, p99 {p99:.2f} ms, "
            f"longest {ranked[-1] * 1000:.1f} ms, by version {dict(sorted(self.versions.items()))}, "
            f"not what that version says: {self.untrue}"
        )


def expected(store: Store, images: list[bytes]) -> dict[int, list[list[float]]]:
    """The probabilities of each image by each version, as the service answers them."""
    told = {}
    for version in _VERSIONS:
        opened = open_version(store, _MODEL, version, precision="auto", threads=1)
        spec = opened.manifest.input
        told[version] = [
            opened.session.run(preprocess(OpenImage(image, Limits()), spec)[None])[0].tolist() for image in images
        ]
    return told


def telling(store: Store) -> list[bytes]:
    """Images by which the versions can be told apart: the samples as they are, turned, and cut."""
    samples = sorted((SAMPLES / _MODEL).iterdir())
    images = [Image.open(file).convert("RGB") for file in samples if file.suffix in {".jpg", ".png"}]
    turned = [image.rotate(angle, expand=True) for image in images for angle in (0, 90, 180, 270)]
    cut = [image.crop((0, 0, image.width * share // 4, image.height)) for image in turned for share in (2, 3, 4)]
    encoded = [_encode(image) for image in cut]
    first, second = (np.array(rows) for rows in expected(store, encoded).values())
    return [image for image, far in zip(encoded, np.abs(first - second).max(axis=1) > _DIFFERENT, strict=True) if far]


def _encode(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


class Clients:
    """Send at a steady rate, whatever comes back."""

    def __init__(self, port: int, images: list[bytes], truth: dict[int, list[list[float]]]) -> None:
        self.tally = Tally()
        self._port = port
        self._truth = truth
        self._requests = [request("/v1/models/cifar10/predict?top_k=10", "image/jpeg", image) for image in images]

    async def send(self, number: int, rate: float) -> None:
        """One connection's share, for ever."""
        reader, writer = await asyncio.open_connection(HOST, self._port)
        due = time.monotonic()
        place = number
        while True:
            due += _CONNECTIONS / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            place = (place + 1) % len(self._requests)
            try:
                writer.write(self._requests[place])
                status, answer = await _read(reader)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                self.tally.failed[type(error).__name__] += 1
                reader, writer = await asyncio.open_connection(HOST, self._port)
                continue
            self.tally.seconds.append(time.monotonic() - due)
            if status == "200":
                self._check(place, answer)
            else:
                self.tally.failed[status] += 1

    def _check(self, place: int, answer: dict[str, object]) -> None:
        version = answer["model"]["version"]  # type: ignore[index]
        self.tally.versions[version] += 1
        truth = self._truth[version][place]
        said = {each["index"]: each["score"] for each in answer["predictions"]}  # type: ignore[attr-defined]
        self.tally.untrue += any(abs(truth[index] - score) > _TOLERANCE for index, score in said.items())


async def _read(reader: asyncio.StreamReader) -> tuple[str, dict[str, object]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return head.split(" ", 2)[1], json.loads(await reader.readexactly(length))


async def measure(service: Running, store: Store, given: argparse.Namespace) -> None:
    """Both halves."""
    images = telling(store)
    print(f"{len(images)} images on which the versions differ by more than {_DIFFERENT}")
    clients = Clients(service.port, images, expected(store, images))
    tasks = [asyncio.create_task(clients.send(number, given.rate)) for number in range(_CONNECTIONS)]
    await asyncio.sleep(2)
    clients.tally = Tally()
    await asyncio.sleep(given.swaps * given.every / 2)
    print(clients.tally.row("nothing moves"), flush=True)
    clients.tally = Tally()
    memory = []
    for swap in range(given.swaps):
        version = _VERSIONS[(swap + 1) % 2]
        await asyncio.to_thread(move_alias, store, _MODEL, "production", version, who="benchmark", why="to measure")
        await asyncio.sleep(given.every)
        memory.append(service.memory_mb())
    print(clients.tally.row(f"{given.swaps} swaps"))
    first, last = statistics.median(memory[4:10]), statistics.median(memory[-6:])
    print(
        f"memory after the first few swaps {first:.1f} MB, after the last {last:.1f} MB, at most {max(memory):.1f} MB"
    )
    print("the service counted:", *(await asyncio.to_thread(_counted, service)))
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    if unexpected := [error for error in ended if not isinstance(error, asyncio.CancelledError)]:
        raise RuntimeError(f"clients have ended: {unexpected}")


def _counted(service: Running) -> list[str]:
    with urlopen(f"http://{HOST}:{service.port}/metrics") as answer:
        lines: list[str] = answer.read().decode().splitlines()
    return [line for line in lines if line.startswith("whatsit_swaps_total{")]


def main() -> None:
    """Measure and print."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m benchmarks.swaps", description=__doc__, formatter_class=raw)
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--every", type=float, default=1.5, help="seconds between two swaps")
    parser.add_argument("--rate", type=float, default=200, help="images a second")
    parser.add_argument("--workers", default="auto")
    parser.add_argument("--spare", type=int, default=0, help="versions that stay open; 0 closes and opens at each swap")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        shutil.copytree(default_root() / _MODEL, Path(folder) / _MODEL)
        store = Store(Path(folder))
        move_alias(store, _MODEL, "production", _VERSIONS[0], who="benchmark", why="to begin")
        settings = {"store": folder, "workers": given.workers, "spare_versions": given.spare, "log_level": "warning"}
        with running(settings, subprocess.DEVNULL) as service:
            asyncio.run(measure(service, store, given))


if __name__ == "__main__":
    main()
