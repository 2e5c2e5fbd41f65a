"""``make demo``: start the service on the shipped models, classify the sample images over HTTP, print, stop."""

import json
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

SAMPLES = Path(__file__).parent / "samples"
_HOST = "127.0.0.1"
_START_S = 60.0
_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}


def main() -> int:
    """Run the demo; returns the exit code."""
    port = _free_port()
    # The command line itself, as everybody starts it; its log goes where ours does.
    command = [sys.executable, "-m", "service.cli.main", "serve", "--port", str(port)]
    server = subprocess.Popen(command)  # noqa: S603 - our own command
    try:
        _wait_until_ready(server, port)
        table = Table("image", "model", "label", "score", "decision", "ms", title="What is in the sample images")
        for folder in sorted(SAMPLES.iterdir()):
            if folder.is_dir():
                for image in sorted(path for path in folder.iterdir() if path.suffix in _TYPES):
                    table.add_row(*_classify(port, folder.name, image))
        Console().print(table)
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(_START_S)
    return code


def _classify(port: int, model: str, image: Path) -> tuple[str, ...]:
    status, answer = _ask(port, "POST", f"/v1/models/{model}/predict", image)
    if status != 200:
        raise SystemExit(f"{image.name}: {status} {answer['detail']}")
    used = f"{answer['model']['name']}@{answer['model']['version']}"
    ms = f"{answer['timing_ms']['total']:.1f}"
    return (image.name, used, answer["label"], f"{answer['score']:.1%}", answer["decision"], ms)


def _wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit(f"the service ended with exit code {server.returncode}; its log is above")
        try:
            if _ask(port, "GET", "/health/ready")[0] == 200:
                return
        except ConnectionRefusedError:
            pass  # not listening yet
        time.sleep(0.05)
    raise SystemExit(f"the service was not ready within {_START_S:g} s")


def _ask(port: int, method: str, path: str, image: Path | None = None) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection(_HOST, port, timeout=_START_S)
    try:
        headers = {"content-type": _TYPES[image.suffix]} if image else {}
        connection.request(method, path, image.read_bytes() if image else None, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
