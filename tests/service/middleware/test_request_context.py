"""Every request has an id, one line in the log, and an answer even when nobody foresaw what happened."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from service.middleware.request_context import RequestContext
from service.observability.logs import JsonFormatter
from service.observability.metrics import Metrics
from tests.service.support.apps import App
from tests.service.support.asgi import converse, piece
from tests.service.support.problems import assert_problem


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> "Lines":
    caplog.set_level(logging.DEBUG)
    return Lines(caplog)


class Lines:
    """What was logged, as the process would write it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def written(self) -> list[str]:
        return [JsonFormatter().format(record) for record in self._caplog.records]

    def of(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.written()]
        return [line for line in lines if line["event"] == event]


async def test_the_id_is_in_the_answer_its_header_and_the_log(app: App, lines: Lines) -> None:
    response = await app.client.get("/v1/nothing")
    request_id = assert_problem(response, 404, "http")["request_id"]
    assert response.headers["x-request-id"] == request_id
    assert [line["id"] for line in lines.of("request")] == [request_id]


async def test_no_two_requests_have_the_same_id(app: App) -> None:
    ids = {(await app.client.get("/health/live")).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize("given", ["a", "order-66.B_7", "0" * 128])
async def test_a_harmless_id_of_the_client_is_taken(app: App, given: str) -> None:
    response = await app.client.get("/health/live", headers={"x-request-id": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given",
    [b"", b" ", b"a b", b"0" * 129, b"a\tb", b"a/b", b'"', b"<b>", b"\xe4", b"a\r\nevent: forged", b"\x1b[31m", b"a\n"],
)
async def test_any_other_is_not_and_leaves_no_trace(app: App, lines: Lines, given: bytes) -> None:
    async def nothing() -> AsyncIterator[Message]:
        yield piece(b"", more=False)

    response = await converse(app.app, "/v1/nothing", nothing(), x_request_id=given.decode("latin-1"))
    request_id = assert_problem(response, 404, "http")["request_id"]
    assert request_id == response.headers["x-request-id"]
    assert len(request_id) == 32
    assert "forged" not in "".join(lines.written())


async def test_the_first_harmless_one_of_several_counts(app: App) -> None:
    headers = [("x-request-id", "a b"), ("x-request-id", "good"), ("x-request-id", "later")]
    response = await app.client.get("/health/live", headers=headers)
    assert response.headers["x-request-id"] == "good"


@pytest.mark.parametrize(
    "path", ["/v1/a%0d%0aevent=forged", "/v1/%1b[31mred", "/v1/%00", "/v1/%e2%80%a8", "/v1/%ff%fe"]
)
async def test_no_path_breaks_a_line_or_colours_a_terminal(app: App, lines: Lines, path: str) -> None:
    assert_problem(await app.client.get(path), 404, "http")
    for line in lines.written():
        assert line.isascii()
        assert line.isprintable()
    assert len(lines.of("request")) == 1


async def test_a_line_says_what_was_asked_and_what_came_of_it(app: App, lines: Lines) -> None:
    await app.client.post("/v1/predict", content=b"x", headers={"content-type": "image/png"})
    [line] = lines.of("request")
    assert line["level"] == "info"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/predict", 415)
    assert line["problem"] == "unsupported-format"
    assert line["ms"] > 0


async def test_a_line_says_which_version_answered_or_failed(app: App, lines: Lines) -> None:
    for path, body in (("predict", b"GIF89a"), ("predict/batch", b"x")):
        await app.client.post(f"/v1/{path}", content=body, headers={"content-type": "image/gif"})
    single, batch = lines.of("request")
    assert (single["model"], single["images"], single["status"]) == ("tiny@1", 1, 422)
    assert (batch["model"], batch["images"], batch["failed"], batch["status"]) == ("tiny@1", 1, 1, 200)


async def test_probes_are_logged_only_for_who_debugs(app: App, lines: Lines) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        await app.client.get(path)
    assert {line["level"] for line in lines.of("request")} == {"debug"}


async def fails(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the secret is swordfish")


async def fails_in_the_middle(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("the secret is swordfish")


async def no_messages() -> AsyncIterator[Message]:
    yield piece(b"", more=False)


async def test_what_nobody_foresaw_is_a_problem_that_tells_nothing(lines: Lines) -> None:
    metrics = Metrics()
    response = await converse(RequestContext(fails, metrics), "/", no_messages())
    members = assert_problem(response, 500, "internal")
    assert "swordfish" not in response.content.decode()
    assert response.headers["connection"] == "close", "nobody knows what is left of the body"
    [line] = lines.of("unexpected error")
    assert line["id"] == members["request_id"]
    assert "the secret is swordfish" in line["exception"]
    assert metrics.registry.get_sample_value("whatsit_errors_total", {"type": "internal"}) == 1
    assert [line["status"] for line in lines.of("request")] == [500]


async def test_an_answer_that_was_begun_is_cut_and_not_finished_wrongly(lines: Lines) -> None:
    with pytest.raises(RuntimeError):
        await converse(RequestContext(fails_in_the_middle, Metrics()), "/", no_messages())
    assert len(lines.of("unexpected error")) == len(lines.of("request")) == 1
