"""A service in a process of its own, for the demo, the benchmarks and the tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers on ``port``."""

    process: "subprocess.Popen[bytes]"
    port: int

    def ask(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> tuple[int, Any]:
        """Send one request and return its status and the JSON of the answer."""
        connection = HTTPConnection(HOST, self.port, timeout=_PATIENCE_S)
        try:
            connection.request(method, path, body, {"content-type": content_type} if content_type else {})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """The ids of its workers; none when it serves in its own process. Linux only."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Resident memory now (``VmRSS``) or at its highest (``VmHWM``), in megabytes; Linux only.

        That of its workers is added, where there are any: memory that they share counts for each.
        """
        return sum(_memory_kb(pid, what) for pid in (self.process.pid, *self.workers())) / 1000

    def stop(self) -> int:
        """Ask it to finish, and return its exit code; one that does not is killed, so that none is left behind."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@contextmanager
def running(settings: Mapping[str, object] | None = None, log: int | None = None, port: int = 0) -> Iterator[Running]:
    """Start ``whatsit serve`` with ``settings`` (by their names), wait until all of it is ready, stop it in the end.

    ``log`` is a file descriptor for its log, standard error when left out; a ``port`` of 0 is a free one. Raises
    RuntimeError when it ends or does not become ready.
    """
    port = port or _free_port()
    environment = os.environ | {f"WHATSIT_{name.upper()}": str(value) for name, value in (settings or {}).items()}
    command = [sys.executable, "-m", "service.cli.main", "serve", "--port", str(port)]
    server = Running(subprocess.Popen(command, env=environment, stderr=log), port)  # noqa: S603 - our own command
    try:
        _wait_until_ready(server)
        yield server
    finally:
        server.stop()


def _wait_until_ready(server: Running) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError(f"the service ended with exit code {server.process.returncode}; its log says why")
        if _is_ready(server):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the service was not ready within {_PATIENCE_S:g} s; its log says why")


def _is_ready(server: Running) -> bool:
    try:
        status, answer = server.ask("GET", "/health/ready")
    except ConnectionRefusedError:
        return False  # not listening yet
    return status == 200 and answer["workers"]["ready"] == answer["workers"]["of"]


def _memory_kb(pid: int, what: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(what))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
