"""A decode that does not come back, as no image is known to cause, costs a worker and nothing else."""

import os
import subprocess
import sys
import threading
from http.client import HTTPException
from pathlib import Path

from service.background import Running
from tests.service.support.process import Server, wait_until
from tests.service.workers.test_worker import wait_until_both_are_ready
from tests.support.images import encode, solid

_SCRIPT = """
import time
from service.inference import decoding
real = decoding.preprocess
decoding.preprocess = lambda image, spec: time.sleep(1000) if image.width == 777 else real(image, spec)
from service.cli.main import main
main()
"""
ENDLESS = encode(solid("red", (777, 300)), "PNG")
GOOD = encode(solid("red", (300, 300)), "PNG")


def test_its_worker_is_replaced(colours_root: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    settings = {"STORE": colours_root, "DEFAULT_MODEL": "tiny", "WORKERS": 2, "WORKER_TIMEOUT_S": 1}
    environment = os.environ | {f"WHATSIT_{name}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-c", _SCRIPT, "serve", "--port", "0"]
    with log.open("wb") as file, subprocess.Popen(command, env=environment, stderr=file) as process:
        server = Server(Running(process, 0), log)
        try:
            [line] = server.wait_for_lines("listening")
            server = Server(Running(process, line["port"]), log)
            wait_until(lambda: answers(server))
            wait_until_both_are_ready(server)
            asking = threading.Thread(target=ask_in_vain, args=(server,))
            asking.start()
            for _ in range(5):  # by the other, or by another thread
                assert server.running.ask("POST", "/v1/predict", GOOD, "image/png")[0] == 200
            asking.join()
            [line] = server.wait_for_lines("worker gives up")
            assert line["reason"] == "a decode does not come back"
            [ended] = server.wait_for_lines("worker ended", role=line["role"])
            assert ended["reason"] == "exit code 1"
            wait_until_both_are_ready(server)
        finally:
            server.running.stop()


def answers(server: Server) -> bool:
    try:
        return server.running.ask("GET", "/health/ready")[0] == 200
    except OSError:
        return False


def ask_in_vain(server: Server) -> None:
    try:
        status, _ = server.running.ask("POST", "/v1/predict", ENDLESS, "image/png")
    except (OSError, HTTPException):
        return
    raise AssertionError(f"it was answered {status}")
