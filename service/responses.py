"""Answers in JSON, and problems in the one shape that every error has."""

from collections.abc import Mapping, MutableMapping
from typing import Any

from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope, Send

from service.errors import ClientLeft, Problem, problem_of

PROBLEM_TYPE = "application/problem+json"


def json_response(members: Mapping[str, object]) -> Response:
    """The answer whose body is the object of these members."""
    return Response(to_json(members), media_type="application/json")


def failure(state: MutableMapping[str, Any], error: Exception) -> Response:
    """The answer to a request that ``error`` ended, noted for its log line; ``state`` is that of its scope."""
    if isinstance(error, ClientDisconnect):
        error = ClientLeft(f"the client left while it sent the body {error}".rstrip())
    return noted_problem(state, problem_of(error))


def noted_problem(state: MutableMapping[str, Any], problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The answer to a request that failed, noted for its log line."""
    state["noted"]["problem"] = problem.type
    headers = dict(headers or {})
    if problem.retry_after is not None:
        headers["retry-after"] = str(problem.retry_after)
    return Response(problem.body(state["request_id"]), problem.status, headers, PROBLEM_TYPE)


async def send_problem(problem: Problem, scope: Scope, send: Send) -> None:
    """Answer from within a middleware, as the last answer of the connection."""
    response = noted_problem(scope["state"], problem, {"connection": "close"})
    await response(scope, _no_body, send)


async def _no_body() -> dict[str, str]:
    return {"type": "http.disconnect"}
