"""Counts requests in flight, and refuses new work once the service is told to stop."""

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import Draining, problem_of
from service.responses import send_problem

_ALWAYS = {"/health/live", "/metrics"}


class InFlight:
    """How many requests are inside, and whether new ones are refused."""

    def __init__(self) -> None:
        self.requests = 0
        self.draining = False


class Drain:
    """Answers 503 to what arrives while draining, health and metrics excepted; the connection closes after it."""

    def __init__(self, app: ASGIApp, in_flight: InFlight) -> None:
        self._app = app
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
        elif self._in_flight.draining:
            draining = Draining("the service is shutting down; ask another replica, or again in a moment")
            await send_problem(problem_of(draining), scope, send)
        else:
            self._in_flight.requests += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._in_flight.requests -= 1
