"""Gives every request an id, one log line and its metrics, and turns what nobody caught into a plain 500."""

import logging
import re
import time
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import INTERNAL
from service.observability.metrics import Metrics

log = logging.getLogger("whatsit.request")

# A client's own id is taken when it can harm no log, header or file name.
_CLIENT_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_PROBE_ROUTES = {"/health/live", "/health/ready", "/metrics"}


class RequestContext:
    """Sets ``scope["state"]["request_id"]`` and ``["noted"]``, a dict whose entries join the log line."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        request_id = _client_id(scope) or uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"], state["noted"] = request_id, {}
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
            self._metrics.errors.labels(INTERNAL.type).inc()
            await _send_internal(send_with_id, request_id)
        finally:
            self._finish(scope, status, time.monotonic() - started)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")  # a template: paths of strangers would be endless
        self._metrics.requests.labels(scope["method"], route, str(status)).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        level = logging.DEBUG if route in _PROBE_ROUTES else logging.INFO
        extra = {
            "id": scope["state"]["request_id"],
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "ms": round(seconds * 1000, 2),
            **scope["state"]["noted"],
        }
        log.log(level, "request", extra=extra)


def _client_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _CLIENT_ID.fullmatch(value):
            return str(value.decode())
    return None


async def _send_internal(send: Send, request_id: str) -> None:
    headers = [(b"content-type", b"application/problem+json")]
    await send({"type": "http.response.start", "status": INTERNAL.status, "headers": headers})
    await send({"type": "http.response.body", "body": INTERNAL.body(request_id)})
