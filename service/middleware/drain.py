"""Counts requests in flight, and refuses new work once the service is told to stop."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Draining, problem_of
from service.responses import send_problem

_DRAINING = problem_of(Draining("the service is shutting down; ask another replica, or again in a moment"))
_ALWAYS = {"/health/live", "/v2/health/live", "/metrics"}


class InFlight:
    """How many requests are inside, whether each is the last of its connection, and whether new ones are refused."""

    def __init__(self) -> None:
        self.requests = 0
        self.leaving = False
        self.draining = False


class Drain:
    """Answers 503 to what arrives while draining, and to what the end of the grace cuts off; its connection closes.

    Health and metrics are answered to the end.
    """

    def __init__(self, app: ASGIApp, in_flight: InFlight) -> None:
        self._app = app
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
        elif self._in_flight.draining:
            await send_problem(_DRAINING, scope, send)
        else:
            self._in_flight.requests += 1
            try:
                await self._finish(scope, receive, send)
            finally:
                self._in_flight.requests -= 1

    async def _finish(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app; answer in its place when the grace ends before it has."""
        started = False

        async def noticing(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noticing)
        except asyncio.CancelledError:  # the server's last word to what is still in flight
            if started or not self._in_flight.draining:
                raise
            await send_problem(_DRAINING, scope, send)
