"""The one shape that every error of the service has."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

_MEMBERS = ["type", "title", "status", "detail", "request_id"]
# What an answer would hold if it told of the server's insides.
_INSIDES = (
    *("Traceback", 'File "', "site-packages", ".py", "object at 0x", "onnxruntime", "numpy"),
    *(str(Path.home()), tempfile.gettempdir(), str(Path(__file__).parents[3])),
)


class Response(Protocol):
    """What httpx and our own clients give."""

    status_code: int
    content: bytes

    @property
    def headers(self) -> Mapping[str, str]: ...


def assert_problem(response: Response, status: int, kind: str) -> dict[str, Any]:
    """Assert that ``response`` is the problem ``kind``, whole and discreet; returns its members."""
    assert response.status_code == status, response.content
    assert response.headers["content-type"] == "application/problem+json"
    members = json.loads(response.content)
    assert list(members) == _MEMBERS
    assert members["type"] == f"urn:whatsit:problem:{kind}"
    assert members["status"] == status
    assert members["title"]
    assert members["detail"]
    assert members["request_id"]
    assert_discreet(response.content)
    return members


def assert_discreet(content: bytes) -> None:
    """Assert that an answer says nothing of the server's insides."""
    text = content.decode()
    told = [word for word in _INSIDES if word in text]
    assert not told, f"{told} in {text}"
