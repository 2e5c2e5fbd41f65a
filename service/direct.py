"""The plain way to ``predict`` and its batches: straight from the protocol to the handler, past ASGI and FastAPI.

They take longer than a small graph runs. Only a request that needs none of that goes this way; whatever is out of the
ordinary goes through ASGI to the route of FastAPI, which has the same handler. A small PNG takes 153 us of one core on
this way and 262 on that (python -m benchmarks.request_stages).
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, cast

from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope

from models.errors import WhatsitError
from models.refs import Ref, parse_ref
from service.api import batch, predict
from service.asked import Asked, asked_at_once, asked_while_it_comes
from service.deps import TOP_K, Services, answerable
from service.errors import INTERNAL, Draining
from service.middleware.body_limit import LimitedBody
from service.middleware.request_context import begin, finish
from service.responses import failure, noted_problem
from service.streaming import asks_for_lines
from service.waiting import ON_LEAVING

log = logging.getLogger("whatsit.request")

_Handler = Callable[[Asked, Services, Ref, int], Awaitable[dict[str, object]]]


class _Route(NamedTuple):
    """``path`` is that of the route of FastAPI, with a place for the ref unless it is of the default model."""

    path: str
    answers: _Handler


_OF_DEFAULT = {
    predict.DEFAULT_PATH: _Route(predict.DEFAULT_PATH, predict.predict_image),
    batch.DEFAULT_PATH: _Route(batch.DEFAULT_PATH, batch.predict_images),
}
_OF_REF = {"": _Route(predict.PATH, predict.predict_image), "/batch": _Route(batch.PATH, batch.predict_images)}
_REF = re.compile(predict.PATH.replace("{ref}", "([^/]+)") + "(/batch)?")


class Reply(NamedTuple):
    """An answer as it is sent; each of ``headers`` ends its line."""

    status: int
    headers: bytes
    body: bytes


class Direct:
    """Answers plain requests to ``predict`` by itself, as all the layers between would."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._whole_bytes = services.bodies.most_bytes(predict.DEFAULT_PATH)

    def takes(self, scope: Scope) -> bool:
        """Whether it answers such a request: a POST to a path of ``predict`` without a query."""
        return (
            scope["method"] == "POST"
            and not scope["query_string"]
            and not asks_for_lines(scope)
            and (scope["path"] in _OF_DEFAULT or _REF.fullmatch(scope["path"]) is not None)
            and not self._services.in_flight.draining
        )

    async def answer(self, scope: Scope, receive: Receive, body: bytes | None) -> Reply:
        """The answer, or that to whatever went wrong; raises only CancelledError.

        ``body`` where it is whole already, None where ``receive`` is to bring it.
        """
        started = time.monotonic()
        request_id = begin(scope)
        state, in_flight = scope["state"], self._services.in_flight
        state.setdefault(ON_LEAVING, None)  # a client that leaves is noticed by the protocol
        in_flight.requests += 1
        try:
            self._services.gate.admit(scope)
            reply = _reply(await self._predict(scope, receive, body), request_id)
        except (WhatsitError, ClientDisconnect) as error:
            reply = _of(failure(scope, error), request_id)
        except asyncio.CancelledError:  # the server's last word to what is still in flight
            if not in_flight.draining:
                raise
            told = Draining("the service is shutting down; ask another replica, or again in a moment")
            reply = _of(failure(scope, told), request_id)
        except Exception:
            log.exception("unexpected error", extra={"id": request_id})
            reply = _of(noted_problem(scope, INTERNAL), request_id)
        finally:
            in_flight.requests -= 1
        finish(self._services.metrics, scope, reply.status, time.monotonic() - started)
        return reply

    async def _predict(self, scope: Scope, receive: Receive, body: bytes | None) -> dict[str, object]:
        services = self._services
        ref = answerable(services, self._ref(scope))
        answers = cast(_Route, scope["route"]).answers
        if body is not None and len(body) <= self._whole_bytes:  # and at most what is read at a time
            return await answers(asked_at_once(scope, body), services, ref, TOP_K)
        limited = LimitedBody(services.bodies, scope, receive)
        try:
            return await answers(asked_while_it_comes(scope, limited.receive), services, ref, TOP_K)
        finally:
            limited.release()

    def _ref(self, scope: Scope) -> Ref:
        """Whom it asks; its route is noted in the scope, as FastAPI does."""
        path = scope["path"]
        if path in _OF_DEFAULT:
            scope["route"] = _OF_DEFAULT[path]
            return self._services.fleet.default
        found = _REF.fullmatch(path)
        assert found is not None  # noqa: S101 - takes() has seen to that
        scope["route"] = _OF_REF[found[2] or ""]
        return parse_ref(found[1])


def _reply(members: dict[str, object], request_id: str) -> Reply:
    body = to_json(members)
    headers = f"content-length: {len(body)}\r\ncontent-type: application/json\r\nx-request-id: {request_id}\r\n"
    return Reply(200, headers.encode(), body)


def _of(response: Response, request_id: str) -> Reply:
    headers = [*response.raw_headers, (b"x-request-id", request_id.encode())]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return Reply(response.status_code, lines, bytes(response.body))
