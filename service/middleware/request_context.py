"""Gives every request an id, one log line and its metrics, and turns what nobody caught into a plain 500."""

import logging
import random
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import INTERNAL
from service.observability.logs import tell
from service.observability.metrics import Metrics
from service.responses import send_problem

log = logging.getLogger("whatsit.request")

# A client's own id is taken when it can harm no log, header or file name.
_CLIENT_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_PROBE_ROUTES = {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/metrics"}


class RequestContext:
    """Sets ``scope["state"]["request_id"]`` and ``["noted"]``, a dict whose entries join the log line.

    The entry ``problem``, the type of the one that was answered, is counted as well.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        request_id = begin(scope)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            log.exception("unexpected error", extra={"id": request_id})
            if status:
                raise  # too late for an answer: the server closes the connection, so that the client sees it cut
            await send_problem(INTERNAL, scope, send_with_id)
        finally:
            finish(self._metrics, scope, status, time.monotonic() - started)


def begin(scope: Scope) -> str:
    """Give a request an id, which is returned, and a place for what its log line is to say."""
    request_id = _client_id(scope) or f"{random.getrandbits(128):032x}"
    state = scope.setdefault("state", {})
    state["request_id"], state["noted"] = request_id, {}
    return request_id


def finish(metrics: Metrics, scope: Scope, status: int, seconds: float) -> None:
    """Count a request that was answered, and write its log line."""
    route = getattr(scope.get("route"), "path", "unmatched")  # a template: paths of strangers would be endless
    metrics.requests.add(scope["method"], route, str(status))
    metrics.request_seconds.observe(seconds, route)
    noted: dict[str, object] = scope["state"]["noted"]
    if "problem" in noted:
        metrics.errors.add(str(noted["problem"]))
    level = logging.DEBUG if route in _PROBE_ROUTES else logging.INFO
    fields = {
        "id": scope["state"]["request_id"],
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "ms": round(seconds * 1000, 2),
        **noted,
    }
    tell(log, level, "request", fields)


def _client_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _CLIENT_ID.fullmatch(value):
            return str(value.decode())
    return None
