"""What happens when far more clients come than can be served: who got what, how fast, and at what memory.

    python -m benchmarks.overload [--clients 200] [--seconds 10] [--queue-capacity 1024] [--image FILE] [--model REF]

Every client keeps one connection and sends the next image as soon as the last is answered; after a 429 it waits a
tenth of a second instead of the Retry-After, which a client in need would not.
"""

import argparse
import asyncio
import statistics
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from service.background import HOST, running
from service.demo import SAMPLES


@dataclass
class Tally:
    """What all clients saw: answers by status, and the seconds of each by status."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, status: str, seconds: float) -> None:
        """Note one answer."""
        self.statuses[status] += 1
        self.seconds.setdefault(status, []).append(seconds)


async def client(port: int, request: bytes, until: float, tally: Tally) -> None:
    """Send ``request`` over and over on one connection, reconnecting when the service closes it."""
    while time.monotonic() < until:
        try:
            reader, writer = await asyncio.open_connection(HOST, port)
            while time.monotonic() < until:
                started = time.monotonic()
                writer.write(request)
                status, close = await read_answer(reader)
                tally.add(status, time.monotonic() - started)
                if status == "429":
                    await asyncio.sleep(0.1)
                if close:
                    break
            writer.close()
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            tally.add(type(error).__name__, 0.0)


async def read_answer(reader: asyncio.StreamReader) -> tuple[str, bool]:
    """Read one answer; returns its status and whether the service closes the connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
    await reader.readexactly(length)
    return head.split(" ", 2)[1], "connection: close" in head


def build_request(image: Path, model: str) -> bytes:
    """One whole HTTP request with the image as its body."""
    body = image.read_bytes()
    head = (
        f"POST /v1/models/{model}/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: image/*\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def report(tally: Tally, seconds: float) -> None:
    """Print the answers by status with their latencies."""
    for status, count in sorted(tally.statuses.items()):
        times = sorted(tally.seconds[status])
        p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
        print(
            f"{status}: {count:6d} ({count / seconds:7.0f}/s)  p50 {p50 * 1000:7.1f} ms  "
            f"p99 {p99 * 1000:7.1f} ms  max {times[-1] * 1000:7.1f} ms"
        )


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--clients", type=int, default=200)
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--queue-capacity", type=int, default=1024)
    arguments.add_argument("--image", type=Path, default=SAMPLES / "cifar10" / "cat.jpg")
    arguments.add_argument("--model", default="cifar10")
    given = arguments.parse_args()

    async def load(port: int, clients: int, seconds: float) -> Tally:
        tally, until = Tally(), time.monotonic() + seconds
        request = build_request(given.image, given.model)
        await asyncio.gather(*(client(port, request, until, tally) for _ in range(clients)))
        return tally

    with running({"queue_capacity": given.queue_capacity, "log_level": "warning"}, subprocess.DEVNULL) as server:
        asyncio.run(load(server.port, 1, 1))  # so that 'before' is a service that has worked
        before = server.memory_mb()
        tally = asyncio.run(load(server.port, given.clients, given.seconds))
        print(f"{given.clients} clients, {given.seconds:g} s, queue_capacity {given.queue_capacity}")
        report(tally, given.seconds)
        highest, after = server.memory_mb("VmHWM"), server.memory_mb()
        print(f"memory: before {before:.0f} MB, highest {highest:.0f} MB, after {after:.0f} MB")


if __name__ == "__main__":
    main()
