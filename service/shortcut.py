"""The plain way to ``predict``: past the routing and validation of FastAPI, which take as long as a small graph runs.

Only what needs none of that goes this way; whatever is out of the ordinary goes on to FastAPI, whose route has the same
handler. benchmarks/RESULTS.md has the figures.
"""

import re
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import WhatsitError
from models.refs import parse_ref
from service.api.predict import DEFAULT_PATH, PATH, predict_image
from service.deps import TOP_K, Services, answerable
from service.responses import failure

_REF = re.compile(PATH.replace("{ref}", "([^/]+)"))


@dataclass(frozen=True, slots=True)
class _Route:
    path: str


class Shortcut:
    """Answers a POST to one of the two paths of ``predict`` that has no query; all else goes on to ``app``."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        plain = scope["type"] == "http" and scope["method"] == "POST" and not scope["query_string"]
        if plain and scope["path"] == DEFAULT_PATH:
            await self._answer(DEFAULT_PATH, None, scope, receive, send)
        elif plain and (found := _REF.fullmatch(scope["path"])):
            await self._answer(PATH, found[1], scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, path: str, ref: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = _Route(path)
        request = Request(scope, receive)
        try:
            wanted = answerable(self._services, self._services.fleet.default if ref is None else parse_ref(ref))
            response = await predict_image(request, self._services, wanted, TOP_K)
        except (WhatsitError, ClientDisconnect) as error:
            response = failure(request, error)
        await response(scope, receive, send)
