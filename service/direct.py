"""The plain way to ``predict``: from the protocol straight to the handler, past middleware, routing and validation.

They take longer than a small graph runs. Only a request that came whole and needs none of that goes this way; whatever
is out of the ordinary goes through ASGI to the route of FastAPI, which has the same handler. benchmarks/RESULTS.md has
the figures.
"""

import asyncio
import logging
import re
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from models.errors import WhatsitError
from models.refs import parse_ref
from service.api.predict import DEFAULT_PATH, PATH, predict_image
from service.deps import TOP_K, Services, answerable
from service.errors import INTERNAL, Draining
from service.middleware.body_limit import most_bytes
from service.middleware.request_context import begin, finish
from service.responses import failure, noted_problem
from service.waiting import ON_LEAVING

log = logging.getLogger("whatsit.request")

_REF = re.compile(PATH.replace("{ref}", "([^/]+)"))


@dataclass(frozen=True, slots=True)
class _Route:
    path: str


class Direct:
    """Answers plain requests to ``predict`` by itself, as all the layers between would."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._most_bytes = most_bytes(DEFAULT_PATH, services.settings)

    def takes(self, scope: Scope, body: bytes | bytearray) -> bool:
        """Whether it answers such a request, whose body is whole: a POST to a path of ``predict`` without a query."""
        return (
            scope["method"] == "POST"
            and not scope["query_string"]
            and (scope["path"] == DEFAULT_PATH or _REF.fullmatch(scope["path"]) is not None)
            and len(body) <= self._most_bytes
            and not self._services.in_flight.draining
        )

    async def answer(self, scope: Scope, body: bytes) -> Response:
        """The answer, or that to whatever went wrong; raises only CancelledError."""
        started = time.monotonic()
        request_id = begin(scope)
        scope["state"].setdefault(ON_LEAVING, None)  # a client that leaves is noticed by the protocol
        request = Request(scope, _whole(body))
        in_flight = self._services.in_flight
        in_flight.requests += 1
        try:
            response = await self._predict(scope, request)
        except WhatsitError as error:
            response = failure(request, error)
        except asyncio.CancelledError:  # the server's last word to what is still in flight
            if not in_flight.draining:
                raise
            response = failure(request, Draining("the service is shutting down; ask another replica"))
        except Exception:
            log.exception("unexpected error", extra={"id": request_id})
            response = noted_problem(request, INTERNAL)
        finally:
            in_flight.requests -= 1
        response.raw_headers.append((b"x-request-id", request_id.encode()))
        finish(self._services.metrics, scope, response.status_code, time.monotonic() - started)
        return response

    async def _predict(self, scope: Scope, request: Request) -> Response:
        found = _REF.fullmatch(scope["path"])
        scope["route"] = _Route(PATH if found else DEFAULT_PATH)
        ref = answerable(self._services, parse_ref(found[1]) if found else self._services.fleet.default)
        return await predict_image(request, self._services, ref, TOP_K)


def _whole(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
