"""Asks a server once, and looks whether the answer is the right one."""

import http.client
import json

from benchmarks.serving.errors import ServerFailed
from benchmarks.serving.works import Work
from benchmarks.serving.wrk import Message

HOST = "127.0.0.1"
GOOD = 200
_PATIENCE_S = 120.0


def ask(port: int, path: str, message: Message, patience: float) -> tuple[int, bytes]:
    """Send one request; returns the status and the body of the answer. Raises OSError and HTTPException."""
    connection = http.client.HTTPConnection(HOST, port, timeout=patience)
    try:
        connection.request("POST", path, message.file.read_bytes(), {"content-type": message.content_type})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def check(port: int, path: str, message: Message, work: Work) -> None:
    """Raise ServerFailed unless all images of a message are answered, and a single one rightly."""
    try:
        status, answer = ask(port, path, message, _PATIENCE_S)
    except (OSError, http.client.HTTPException) as error:
        raise ServerFailed(f"{path} does not answer: {error!r}") from error
    if status != GOOD or answer.count(b'"predictions"') != message.images:
        raise ServerFailed(f"{path} answers {status}: {answer[:200]!r}")
    if message.images == 1:
        look(answer, work)


def look(answer: bytes, work: Work) -> None:
    """Raise ServerFailed unless the label is one that the network of ``work`` is known to find likely."""
    found = json.loads(answer)
    best = found[0] if isinstance(found, list) else found  # a batch of one
    if work.likely and best["label"] not in work.likely:
        raise ServerFailed(f"the answer is {best['label']}, and should be one of {', '.join(work.likely)}")
