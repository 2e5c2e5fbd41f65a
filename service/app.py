"""The app: routes, handlers of errors, and the middleware around them."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from typing_extensions import override

from models.errors import WhatsitError
from service.api import batch, health, jobs, models, openinference, predict, registry, report, shadow
from service.api.documentation import with_keys
from service.api.openinference.errors import absent
from service.errors import MalformedRequest, Problem, problem_of
from service.inference.opening import Opener
from service.lifespan import build_services, lifespan
from service.middleware.body_limit import BodyLimit
from service.middleware.drain import Drain, InFlight
from service.middleware.key_check import KeyCheck
from service.middleware.request_context import RequestContext
from service.observability.metrics import Metrics
from service.responses import failure, noted_problem
from service.settings import Settings
from service.workers.board import Board, Slot
from service.workers.counts import SharedCounts


class _App(FastAPI):
    @override
    def openapi(self) -> dict[str, Any]:
        return with_keys(super().openapi())


def create_app(settings: Settings, slot: Slot | None = None, opener: Opener | None = None) -> FastAPI:
    """Build the whole service; nothing is opened before its lifespan starts.

    ``slot`` is the place of this process among several; left out, it is alone. ``opener`` opens versions elsewhere.
    """
    slot = slot or Board().slots[0]
    metrics, in_flight = Metrics(SharedCounts(slot)), InFlight()
    app = _App(
        title="Whatsit",
        summary="Says what is in a picture, and how sure it is.",
        lifespan=lifespan,
        redirect_slashes=False,  # the redirect would lead to whatever Host the client names
        # Nothing of what passes here is reported anywhere but in the log and under /metrics.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.services = build_services(settings, metrics, in_flight, slot, opener)
    for room in (predict, batch, jobs, models, report, registry, shadow, health, *openinference.ROOMS):
        app.include_router(room.router)
    app.add_api_route("/", _docs, include_in_schema=False)
    app.add_exception_handler(WhatsitError, _on_failure)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameters)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_failure)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, bodies=app.state.services.bodies)
    app.add_middleware(Drain, in_flight=in_flight)
    app.add_middleware(KeyCheck, gate=app.state.services.gate)
    app.add_middleware(RequestContext, metrics=metrics)
    return app


async def _docs() -> Response:
    return RedirectResponse("/docs")


async def _on_failure(request: Request, error: Exception) -> Response:
    return failure(request.scope, error)


async def _on_invalid_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for no other
    told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return noted_problem(request.scope, problem_of(MalformedRequest(told)))


async def _on_http_error(request: Request, error: Exception) -> Response:
    """404 and 405 of the router."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other
    titles = {404: "No such path", 405: "Method not allowed"}
    title = titles.get(error.status_code, error.detail)
    told = absent(request.scope["path"]) or f"{request.method} is not answered here; see /docs"
    problem = Problem(error.status_code, "http", title, told)
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # starlette names those of the first route alone
        headers = {"allow": ", ".join(sorted(set(_methods(request.app.routes, request.scope["path"]))))}
    return noted_problem(request.scope, problem, headers)


def _methods(routes: Iterable[Any], path: str) -> Iterator[str]:
    """Those that any route of a path answers."""
    for route in routes:
        if (router := getattr(route, "original_router", None)) is not None:
            yield from _methods(router.routes, path)
        elif route.path_regex.match(path):
            yield from route.methods
