"""Answers in JSON, and problems in the shape that their path demands."""

from collections.abc import Mapping

from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope, Send

from service.errors import ClientLeft, Problem, problem_of

PROBLEM_TYPE = "application/problem+json"
OPEN_INFERENCE = "/v2"


def json_response(members: object) -> Response:
    """The answer whose body is this as JSON."""
    return Response(to_json(members), media_type="application/json")


def shaped(problem: Problem, path: str, request_id: str) -> tuple[bytes, str]:
    """The body of a problem that is answered at ``path``, and its content type.

    Under /v2 it is ``{"error": "..."}``, which clients of the Open Inference Protocol read and nothing else; the
    request's id is in a header there, as everywhere. On all other paths it is a problem of RFC 9457.
    """
    if path == OPEN_INFERENCE or path.startswith(f"{OPEN_INFERENCE}/"):
        return to_json({"error": problem.detail}), "application/json"
    return problem.body(request_id), PROBLEM_TYPE


def failure(scope: Scope, error: Exception) -> Response:
    """The answer to a request that ``error`` ended, noted for its log line."""
    if isinstance(error, ClientDisconnect):
        error = ClientLeft(f"the client left while it sent the body {error}".rstrip())
    return noted_problem(scope, problem_of(error))


def noted_problem(scope: Scope, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that failed, noted for its log line."""
    state = scope["state"]
    state["noted"]["problem"] = problem.type
    headers = dict(headers or {})
    if problem.retry_after is not None:
        headers["retry-after"] = str(problem.retry_after)
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"  # RFC 9110, section 15.5.2, asks for one; RFC 6750 for this
    body, content_type = shaped(problem, scope["path"], state["request_id"])
    return Response(body, problem.status, headers, content_type)


async def send_problem(problem: Problem, scope: Scope, send: Send) -> None:
    """Answer from within a middleware, as the last answer of the connection."""
    response = noted_problem(scope, problem, {"connection": "close"})
    await response(scope, _no_body, send)


async def _no_body() -> dict[str, str]:
    return {"type": "http.disconnect"}
