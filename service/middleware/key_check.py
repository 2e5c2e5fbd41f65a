"""Lets in only what the gate admits, before anything is read of its body."""

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import RequestError
from service.keys.gate import Gate
from service.responses import failure


class KeyCheck:
    """Answers in the app's place what may not go on; its connection is kept, for the next request may have a key."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http":
            try:
                self._gate.admit(scope)
            except RequestError as error:
                await failure(scope, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)
