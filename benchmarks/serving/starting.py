"""Starts a server and waits until it gives the right answer."""

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serving.errors import ServerFailed
from benchmarks.serving.processes import Tree, started
from benchmarks.serving.serving import HOST, Serving
from benchmarks.serving.targets import Server, Setting
from benchmarks.serving.works import Work
from benchmarks.serving.wrk import Message

_START_S = 180.0  # a large graph on a slow machine, several times
_FIRST_PATIENCE_S = 2.0
_POLL_S = 0.005
_GOOD = 200


@contextmanager
def serving(
    server: Server, setting: Setting, work: Work, messages: Mapping[str, Message], python: Path, log: Path
) -> Iterator[Serving]:
    """Start a server and wait for its first good answer; raises ServerFailed."""
    port = _free_port()
    command, environment = server.start(work, setting, port, python)
    with started(command, environment, log) as tree:
        first_answer = _wait(tree, port, setting, work, messages[setting.form])
        for form, path in setting.paths.items():
            if form != "batch" or work.loads == "all":
                _check(port, path, work, messages[form])
        yield Serving(tree, port, setting, messages, first_answer)


def _wait(tree: Tree, port: int, setting: Setting, work: Work, message: Message) -> float:
    patience = _FIRST_PATIENCE_S
    while time.monotonic() < tree.began + _START_S:
        if tree.ended():
            raise ServerFailed(f"the server has ended with {tree.process.returncode}: {_last_words(tree.log)}")
        try:
            status, answer = _ask(port, setting.paths[setting.form], message, patience)
        except TimeoutError:  # some take a connection before anybody is there to answer it
            patience *= 1.5
        except (OSError, http.client.HTTPException):
            time.sleep(_POLL_S)
        else:
            if status == _GOOD:
                _look(answer, work)
                return time.monotonic() - tree.began
            time.sleep(_POLL_S)
    raise ServerFailed(f"no good answer within {_START_S:g} s: {_last_words(tree.log)}")


def _check(port: int, path: str, work: Work, message: Message) -> None:
    status, answer = _ask(port, path, message, _START_S)
    if status != _GOOD or answer.count(b'"predictions"') != message.images:
        raise ServerFailed(f"{path} answers {status}: {answer[:200]!r}")
    if message.images == 1:
        _look(answer, work)


def _look(answer: bytes, work: Work) -> None:
    """The answer must be that of the network: one of the labels that it is known to find likely."""
    found = json.loads(answer)
    best = found[0] if isinstance(found, list) else found  # a batch of one
    if work.likely and best["label"] not in work.likely:
        raise ServerFailed(f"the answer is {best['label']}, and should be one of {', '.join(work.likely)}")


def _ask(port: int, path: str, message: Message, patience: float) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=patience)
    try:
        connection.request("POST", path, message.file.read_bytes(), {"content-type": message.content_type})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _last_words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip()[-500:] or "it said nothing"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
