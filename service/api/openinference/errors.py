"""What is answered in place of an answer: in the protocol's shape, and to what of it does not apply here."""

import re
from typing import Any

from service.api.documentation import problems

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "What is wrong, and what to do about it."}},
}
_SHARED_MEMORY = "shared memory is not offered, here or on a GPU: send tensors as binary data in the body"
_ABSENT = {
    "systemsharedmemory": _SHARED_MEMORY,
    "cudasharedmemory": _SHARED_MEMORY,
    "trace": "tracing is not offered: /metrics has the time of each stage, and the log a line for each request",
    "logging": "the log is not changed over HTTP: its level is the setting log_level",
}
_PATH = re.compile(f"/v2/(?:models/[^/]+/)?({'|'.join(_ABSENT)})(?:/.*)?")


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the errors that a route answers."""
    return problems(*statuses, content={"application/json": {"schema": _ERROR}})


def absent(path: str) -> str | None:
    """Why ``path`` is not answered, though the protocol's clients may ask for it; None for any other path."""
    found = _PATH.fullmatch(path)
    return _ABSENT[found[1]] if found else None
