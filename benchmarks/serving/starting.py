"""Starts a server and waits until it gives the right answer."""

import http.client
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serving.answers import GOOD, HOST, ask, look
from benchmarks.serving.errors import ServerFailed
from benchmarks.serving.processes import Tree, started
from benchmarks.serving.serving import Serving
from benchmarks.serving.targets import Server, Setting
from benchmarks.serving.works import Work
from benchmarks.serving.wrk import Message

_START_S = 180.0  # a large graph on a slow machine, several times
_FIRST_PATIENCE_S = 2.0
_POLL_S = 0.005


@contextmanager
def serving(
    server: Server, setting: Setting, work: Work, messages: Mapping[str, Message], python: Path, log: Path
) -> Iterator[Serving]:
    """Start a server and wait for its first good answer; raises ServerFailed."""
    port = _free_port()
    command, environment = server.start(work, setting, port, python)
    with started(command, environment, log) as tree:
        first_answer = _wait(tree, port, setting, work, messages[setting.form])
        yield Serving(tree, port, work, setting, messages, first_answer)


def _wait(tree: Tree, port: int, setting: Setting, work: Work, message: Message) -> float:
    patience = _FIRST_PATIENCE_S
    while time.monotonic() < tree.began + _START_S:
        if tree.ended():
            raise ServerFailed(f"the server has ended with {tree.process.returncode}: {_last_words(tree.log)}")
        try:
            status, answer = ask(port, setting.paths[setting.form], message, patience)
        except TimeoutError:  # some take a connection before anybody is there to answer it
            patience *= 1.5
        except (OSError, http.client.HTTPException):
            time.sleep(_POLL_S)
        else:
            if status == GOOD:
                look(answer, work)
                return time.monotonic() - tree.began
            time.sleep(_POLL_S)
    raise ServerFailed(f"no good answer within {_START_S:g} s: {_last_words(tree.log)}")


def _last_words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-500:] or "it said nothing"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
