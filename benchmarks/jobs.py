"""Jobs: how fast they are beside a plain loop, what a large archive costs, and what others notice of a running job.

    python -m benchmarks.jobs rate [--cifar DIR] [--images 20000] [--model cifar10] [--workers auto] [--store DIR]
    python -m benchmarks.jobs memory [--megabytes 1000] [--model cifar10]
    python -m benchmarks.jobs latency [--rates 5 50 200] [--seconds 15] [--rounds 3] [--model cifar10] [--job-model REF]

rate: without DIR, which holds test_batch.bin of CIFAR-10, the images are photographs. The plain loop decodes one image
after the other in one process and runs the graph on batches of 64, once with one thread and once with all cores.
latency: requests come at fixed times, whatever becomes of those before; first alone, then while a job runs.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from http.client import HTTPConnection
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.overload import build_request, read_answer
from benchmarks.served_equals_evaluated import read_test_split
from models.decode import Limits, OpenImage
from models.locations import default_root
from models.opening import open_version
from models.preprocess import preprocess
from models.refs import parse_ref
from models.store import Store
from service.background import HOST, Running, running
from service.cores import usable_cores
from service.demo import SAMPLES

_BATCH = 64
_QUIET_S = 7  # after which a job takes the whole machine
LARGE = {
    "max_job_bytes": 10**10,
    "max_archive_entries": 10**6,
    "max_archive_inflated": 10**10,
    "max_active_jobs": 99,
    "job_body_timeout_s": 3600,
    "keep_alive_s": 60,
}


def photographs(count: int, side: int = 500) -> Iterator[bytes]:
    """JPEGs of the samples, none like the other."""
    samples = [Image.open(file).convert("RGB") for file in sorted((SAMPLES / "cifar10").glob("*.jpg"))]
    for place, sample in enumerate(islice(cycle(samples), count)):
        image = sample.resize((side, side * 3 // 4)).rotate(place % 360)
        file = BytesIO()
        image.save(file, "JPEG", quality=90)
        yield file.getvalue()


def archive_of(images: Iterator[bytes] | Sequence[bytes], path: Path) -> Path:
    """A tar of images."""
    with tarfile.open(path, "w") as archive:
        for place, image in enumerate(images):
            entry = tarfile.TarInfo(f"{place:07}")
            entry.size = len(image)
            archive.addfile(entry, BytesIO(image))
    return path


def send(server: Running, archive: Path, query: str = "") -> dict[str, Any]:
    """Send an archive as a job, from the disk; returns the job."""
    connection = HTTPConnection(HOST, server.port, timeout=600)
    with archive.open("rb") as body:
        headers = {"content-type": "application/x-tar", "content-length": str(archive.stat().st_size)}
        connection.request("POST", f"/v1/jobs?{query}", body, headers)
        answer = connection.getresponse()
        job: dict[str, Any] = json.load(answer)
    connection.close()
    if answer.status != 202:
        raise SystemExit(f"{answer.status}: {job}")
    return job


def end(server: Running, job: dict[str, Any]) -> dict[str, Any]:
    """The job when its results are there."""
    while job["results"] is None:
        job = server.ask("GET", f"/v1/jobs/{job['id']}?wait=60")[1]
    return job


def plain_loop(images: Sequence[bytes], store: Store, model: str, threads: int) -> float:
    """Images a second of decode, batch and run in one process."""
    resolved = store.resolve(parse_ref(model))
    opened = open_version(store, resolved.name, resolved.version, precision="auto", threads=threads)
    spec, limits = opened.manifest.input, Limits()
    began = time.monotonic()
    for start in range(0, len(images), _BATCH):
        pixels = [preprocess(OpenImage(image, limits), spec) for image in images[start : start + _BATCH]]
        opened.session.run(np.stack(pixels))
    return len(images) / (time.monotonic() - began)


def service(given: argparse.Namespace, folder: Path) -> AbstractContextManager[Running]:
    """A service with room for large jobs."""
    settings = {"store": given.store, "default_model": given.model, "workers": given.workers, **LARGE}
    return running(settings | {"jobs_dir": folder / "jobs"}, subprocess.DEVNULL)


def measure_rate(given: argparse.Namespace, folder: Path) -> None:
    """A job against the plain loop."""
    found = read_test_split(given.cifar)[0] if given.cifar else list(photographs(min(500, given.images)))
    images = list(islice(cycle(found), given.images))
    archive = archive_of(images, folder / "images.tar")
    print(f"{len(images)} images, {archive.stat().st_size / 1e6:.0f} MB, model {given.model}")
    for threads in sorted({1, usable_cores()}):
        plain = plain_loop(images, Store(given.store), given.model, threads)
        print(f"plain loop, {threads} threads: {plain:7.0f} images/s")
    with service(given, folder) as server:
        for attempt in ("first", "second"):
            began = time.monotonic()
            job = send(server, archive, f"model={given.model}")
            sent = time.monotonic() - began
            job = end(server, job)
            seconds = time.monotonic() - began
            told = f"{attempt} job: {len(images) / (seconds - sent):7.0f} images/s from its acceptance to its results"
            print(f"{told}, {len(images) / seconds:.0f} with sending; done {job['done']}, failed {job['failed']}")


def measure_memory(given: argparse.Namespace, folder: Path) -> None:
    """The highest memory of the service while a large archive is sent and scored."""
    unique = list(photographs(200, side=1000))
    count = int(given.megabytes * 1e6 / (sum(map(len, unique)) / len(unique)))
    archive = archive_of(islice(cycle(unique), count), folder / "photographs.tar")
    with service(given, folder) as server:
        server.ask("POST", "/v1/predict", unique[0], "image/jpeg")
        before = server.memory_mb("VmHWM")
        job = send(server, archive, f"model={given.model}")
        received = server.memory_mb("VmHWM")
        job = end(server, job)
        told = f"{count} photographs in {archive.stat().st_size / 1e6:.0f} MB, {1 + len(server.workers())} processes"
        print(f"{told}; done {job['done']}, {job['rate']:.0f} images/s")
        print(
            f"highest memory: {before:.0f} MB before, {received:.0f} received, {server.memory_mb('VmHWM'):.0f} scored"
        )


async def steady(port: int, request: bytes, rate: float, seconds: float) -> list[float]:
    """The seconds of each request, from the moment when it was due."""
    took: list[float] = []
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(due: float) -> None:
        reader, writer = free.pop() if free else await asyncio.open_connection(HOST, port)
        writer.write(request)
        status, close = await read_answer(reader)
        took.append(time.monotonic() - due)
        if status != "200":
            raise SystemExit(f"answered {status}")
        if not close:
            free.append((reader, writer))

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(due - time.monotonic())
            group.create_task(ask(due))
    for _, writer in free:
        writer.close()
    return took


def measure_latency(given: argparse.Namespace, folder: Path) -> None:
    """What requests notice of a job."""
    archive = archive_of(photographs(1000), folder / "photographs.tar")
    request = build_request(SAMPLES / "cifar10" / "cat.jpg", given.model)
    with service(given, folder) as server:
        asyncio.run(steady(server.port, request, 20, 2))
        time.sleep(_QUIET_S)
        alone = end(server, send(server, archive, f"model={given.job_model or given.model}"))
        print(f"the job alone: {alone['rate']:.0f} images/s")
        for rate in given.rates:
            rounds = [_round(server, archive, request, rate, given) for _ in range(given.rounds)]
            print(f"{rate:g} requests/s")
            for name, place in (("idle", 0), ("with a job", 1)):
                print(f"    {name:11} {_told([seconds for each in rounds for seconds in each[place]])}")
            ratios = sorted(_p99(busy) / _p99(idle) for idle, busy, _ in rounds)
            scored = statistics.median(images for *_, images in rounds)
            times = ratios[len(ratios) // 2]
            print(f"    p99 with a job is {times:.2f} times that without; {scored:.0f} images/s of the job")


def _round(
    server: Running, archive: Path, request: bytes, rate: float, given: argparse.Namespace
) -> tuple[list[float], list[float], float]:
    """The seconds of each request without a job, and with one that has the whole machine when they come; its rate."""
    idle = asyncio.run(steady(server.port, request, rate, given.seconds))
    jobs = [send(server, archive, f"model={given.job_model or given.model}") for _ in range(given.jobs)]
    time.sleep(_QUIET_S)
    before = _scored(server, jobs)
    busy = asyncio.run(steady(server.port, request, rate, given.seconds))
    images = (_scored(server, jobs) - before) / given.seconds
    if server.ask("GET", f"/v1/jobs/{jobs[-1]['id']}")[1]["state"] not in {"queued", "running"}:
        raise SystemExit("the jobs ended too soon: give it more --jobs")
    for job in jobs:
        server.ask("DELETE", f"/v1/jobs/{job['id']}")
    time.sleep(2)
    return idle, busy, images


def _scored(server: Running, jobs: Sequence[dict[str, Any]]) -> int:
    return sum(int(server.ask("GET", f"/v1/jobs/{job['id']}")[1]["done"]) for job in jobs)


def _p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))]


def _told(seconds: Sequence[float]) -> str:
    p50, most = statistics.median(seconds), max(seconds)
    return f"p50 {p50 * 1000:.2f} p99 {_p99(seconds) * 1000:.2f} max {most * 1000:.1f} ms"


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("what", choices=["rate", "memory", "latency"])
    arguments.add_argument("--cifar", type=Path)
    arguments.add_argument("--images", type=int, default=20_000)
    arguments.add_argument("--megabytes", type=float, default=1000)
    arguments.add_argument("--model", default="cifar10")
    arguments.add_argument("--job-model")
    arguments.add_argument("--jobs", type=int, default=20)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--workers", default="auto")
    arguments.add_argument("--store", type=Path, default=default_root())
    arguments.add_argument("--rates", type=float, nargs="+", default=[5, 50, 200])
    arguments.add_argument("--seconds", type=float, default=15)
    given = arguments.parse_args()
    measure = {"rate": measure_rate, "memory": measure_memory, "latency": measure_latency}[given.what]
    with TemporaryDirectory() as folder:
        measure(given, Path(folder))


if __name__ == "__main__":
    main()
