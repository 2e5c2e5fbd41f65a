"""Answers in JSON, and problems in the one shape that every error has."""

from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Scope, Send

from service.errors import Problem

PROBLEM_TYPE = "application/problem+json"


def json_response(model: BaseModel) -> Response:
    """The answer whose body is ``model``, serialised once."""
    return Response(model.model_dump_json(), media_type="application/json")


def problem_response(problem: Problem, request_id: str, headers: dict[str, str] | None = None) -> Response:
    """The answer to a request that failed."""
    headers = dict(headers or {})
    if problem.retry_after is not None:
        headers["retry-after"] = str(problem.retry_after)
    return Response(problem.body(request_id), problem.status, headers, PROBLEM_TYPE)


async def send_problem(problem: Problem, scope: Scope, send: Send) -> None:
    """Answer from within a middleware, as the last answer of the connection."""
    scope["state"]["noted"]["problem"] = problem.type
    response = problem_response(problem, scope["state"]["request_id"], {"connection": "close"})
    await response(scope, _no_body, send)


async def _no_body() -> dict[str, str]:
    return {"type": "http.disconnect"}
