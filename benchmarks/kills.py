"""What is lost when a process of the service is killed (signal 9) under load, how soon it is replaced, what is left.

    python -m benchmarks.kills [--kinds worker engine supervisor] [--times 20] [--clients 16]

Clients send an image as soon as the last is answered. Requests are *inside* what is killed when their connection is
that worker's; of an engine all are, and of a supervisor none. What fails on other connections is *elsewhere*, and has
to be nothing. A supervisor is started again at once, as systemd or Docker would. Linux only.
"""

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.overload import build_request, read_answer
from service.background import HOST, Running, running
from service.demo import SAMPLES

_KINDS = ("worker", "engine", "supervisor")
_SHARED = Path("/dev/shm")  # noqa: S108 - only looked at
_PAUSE_S = 0.5  # between two kills, in which all is as it should be


@dataclass
class Client:
    """One connection that always has a request under way."""

    failed: list[tuple[int, str]]  # the port that it was met on, and what
    port: int = 0
    asked: bool = False
    answered: int = 0

    async def send(self, server: int, request: bytes) -> None:
        """Send for ever, connecting anew after a failure."""
        while True:
            try:
                reader, writer = await asyncio.open_connection(HOST, server)
                self.port = writer.get_extra_info("sockname")[1]
                while await self._ask(reader, writer, request):
                    pass
                writer.close()
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                if self.asked:  # else there was nothing to lose
                    self.failed.append((self.port, type(error).__name__))
                self.asked = False
                await asyncio.sleep(0.01)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
        writer.write(request)
        self.asked = True
        status, close = await read_answer(reader)
        self.asked = False
        self.answered += status == "200"
        if status != "200":
            self.failed.append((self.port, status))
        return not close


@dataclass
class Killed:
    """What came of all kills of one kind."""

    kind: str
    inside: int = 0
    lost: int = 0
    elsewhere: int = 0
    seconds: list[float] = field(default_factory=list)
    how: Counter[str] = field(default_factory=Counter)

    def row(self) -> str:
        """For people."""
        return (
            f"{self.kind:10} killed {len(self.seconds)} times; requests inside {self.inside}, lost {self.lost} "
            f"{dict(self.how)}, lost elsewhere {self.elsewhere}; all is ready after "
            f"{statistics.median(self.seconds):.2f} s, at most {max(self.seconds):.2f} s"
        )


def served_by(port: int) -> Mapping[int, int]:
    """The process at the server's end of each connection to ``port``, by the client's port."""
    clients = {}
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        local, remote = (int(address.partition(":")[2], 16) for address in fields[1:3])
        if local == port and remote:
            clients[fields[9]] = remote
    return {clients[inode]: pid for inode, pid in _sockets() if inode in clients}


def _sockets() -> Iterator[tuple[str, int]]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:  # it has ended
            continue
        yield from ((link[8:-1], int(process.name)) for link in links if link.startswith("socket:["))


class Service:
    """The service, started again when its supervisor is killed."""

    def __init__(self, settings: Mapping[str, object], stack: ExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self.now: Running = stack.enter_context(running(settings, subprocess.DEVNULL))

    def victim(self, kind: str, holders: Mapping[int, int]) -> int:
        """The process of a kind; ``holders`` are those of connections."""
        if kind == "supervisor":
            return self.now.process.pid
        serving = set(holders.values())
        return next(pid for pid in self.now.workers() if (pid in serving) == (kind == "worker"))

    async def recovered(self, before: set[int]) -> None:
        """Wait until there are as many processes as before, none of them killed, and all ready."""
        if self.now.process.poll() is not None:
            again = running(self._settings, subprocess.DEVNULL, self.now.port)
            self.now = await asyncio.to_thread(self._stack.enter_context, again)
        while True:
            await asyncio.sleep(0.02)
            status, answer = await asyncio.to_thread(self._ready)
            all_ready = status == 200 and answer["workers"]["ready"] == answer["workers"]["of"]
            if all_ready and {self.now.process.pid, *self.now.workers()} - before:
                return

    def _ready(self) -> tuple[int, dict[str, dict[str, int]]]:
        try:
            return self.now.ask("GET", "/health/ready")
        except OSError:  # it was asked of what is killed
            return 0, {}


async def kill(kind: str, service: Service, clients: list[Client], result: Killed) -> None:
    """Kill one process of a kind, and note what follows."""
    failed = clients[0].failed
    failed.clear()
    holders = served_by(service.now.port)
    victim, before = service.victim(kind, holders), {service.now.process.pid, *service.now.workers()}
    theirs = {client.port for client in clients if kind == "engine" or holders.get(client.port) == victim}
    result.inside += sum(client.asked for client in clients if client.port in theirs)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    if kind == "supervisor":
        service.now.process.wait()
    await service.recovered(before)
    result.seconds.append(time.monotonic() - began)
    await asyncio.sleep(_PAUSE_S)
    lost = [how for port, how in failed if port in theirs]
    result.lost += len(lost)
    result.how.update(lost)
    result.elsewhere += len(failed) - len(lost)
    result.how.update(f"elsewhere: {how}" for port, how in failed if port not in theirs)


async def measure(given: argparse.Namespace) -> list[Killed]:
    """Kill processes of each kind under load."""
    request, results = build_request(SAMPLES / "cifar10" / "cat.jpg", "cifar10"), []
    with ExitStack() as stack:
        engine = "shared" if "engine" in given.kinds else "own"
        service = Service({"workers": given.workers, "engine": engine, "log_level": "error"}, stack)
        failed: list[tuple[int, str]] = []
        clients = [Client(failed) for _ in range(given.clients)]
        tasks = [asyncio.create_task(client.send(service.now.port, request)) for client in clients]
        for kind in given.kinds:
            results.append(Killed(kind))
            for _ in range(given.times):
                await asyncio.sleep(_PAUSE_S)
                await kill(kind, service, clients, results[-1])
        for task in tasks:
            task.cancel()
        print(f"{sum(client.answered for client in clients):,} requests answered")
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=_KINDS, default=list(_KINDS))
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    shared = set(_SHARED.iterdir())
    for result in asyncio.run(measure(parser.parse_args())):
        print(result.row())
    print(f"files left in /dev/shm: {len(set(_SHARED.iterdir()) - shared)}")


if __name__ == "__main__":
    main()
