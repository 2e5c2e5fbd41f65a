"""Answers that are sent line by line, as what they tell becomes known."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from service.asked import Asked
from service.errors import ClientLeft, DeadlinePassed, problem_of
from service.waiting import wanted

NDJSON, EVENTS = "application/x-ndjson", "text/event-stream"
_TO_SEND_S = 10.0  # beyond the deadline, for clients that read slowly


class LinesResponse(Response):
    """A JSON object a line; what makes them is closed when the client leaves, or does not read.

    An error before the first line is answered like any other.
    """

    media_type = NDJSON

    def __init__(self, asked: Asked, lines: AsyncGenerator[object, None], deadline: float) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._asked = asked
        self._lines = lines
        self._until = deadline + _TO_SEND_S
        self._started = False

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await wanted(self._asked, self._send(send), self._until)
        except (ClientLeft, DeadlinePassed) as error:
            if not self._started:
                raise
            scope["state"]["noted"]["problem"] = problem_of(error).type  # too late for another answer

    def _encode(self, line: object) -> bytes:
        return to_json(line) + b"\n"

    async def _send(self, send: Send) -> None:
        async with aclosing(self._lines) as lines:
            async for line in lines:
                if not self._started:
                    self._started = True
                    await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": self._encode(line), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class EventsResponse(LinesResponse):
    """Events as browsers take them, each a JSON object (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    None is a comment, which keeps the connection from looking dead.
    """

    media_type = EVENTS

    @override
    def _encode(self, line: object) -> bytes:
        return b": still here\n\n" if line is None else b"data: " + to_json(line) + b"\n\n"


def asks_for_lines(scope: Scope) -> bool:
    """Whether the client prefers lines to one JSON object."""
    return _accepts(scope, NDJSON)


def asks_for_events(scope: Scope) -> bool:
    """Whether the client wants to be told what happens."""
    return _accepts(scope, EVENTS)


def _accepts(scope: Scope, kind: str) -> bool:
    accepted: bytes = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return kind.encode() in accepted.lower()
