"""The table from error to status: complete, and each row met on a real path."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import httpx
import onnxruntime
import pytest
from starlette.types import Message

from models import errors as domain
from models.store import Store
from service import errors
from service.errors import INTERNAL, Full, RateExceeded, problem_of
from service.settings import Settings
from tests.service.conftest import Start
from tests.service.support.apps import App, running_app
from tests.service.support.asgi import GONE, converse, piece
from tests.service.support.bodies import MULTIPART, files
from tests.service.support.moods import FAILS, NONSENSE, SLOW, mood
from tests.service.support.problems import Response, assert_problem
from tests.support.bundles import publish_tiny
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")


def leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    """The errors below ``kind`` that are really raised; those of training and of the file of keys reach no client."""
    elsewhere = ("training", "service.keys")
    below = [child for child in kind.__subclasses__() if not child.__module__.startswith(elsewhere)]
    if not below:
        yield kind
    for child in below:
        yield from leaves(child)


@pytest.mark.parametrize("kind", list(leaves(domain.WhatsitError)))
def test_every_error_has_a_row(kind: type[Exception]) -> None:
    error = kind("the detail", 3) if kind in {Full, RateExceeded} else kind("the detail")
    problem = problem_of(error)
    assert problem is not INTERNAL
    assert 400 <= problem.status < 600
    assert list(problem.members()) == ["type", "title", "status", "detail"]
    assert (problem.retry_after == 3) == (kind in {Full, RateExceeded})


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    below = [child.__name__ for child in errors.RequestError.__subclasses__()]
    assert [line.split()[1] for line in str(errors.__doc__).splitlines() if "    ├" in line or "    └" in line] == below


@pytest.mark.parametrize("kind", [*leaves(domain.BundleError), domain.DeviceUnavailable])
def test_what_speaks_of_the_operators_files_is_not_told(kind: type[Exception]) -> None:
    assert "/srv/secret" not in problem_of(kind("/srv/secret is broken")).detail


def test_an_unforeseen_error_tells_nothing() -> None:
    assert problem_of(RuntimeError("the secret is 42")) is INTERNAL


async def post(app: App, path: str, body: bytes = RED, content_type: str = "image/png") -> httpx.Response:
    return await app.client.post(path, content=body, headers={"content-type": content_type})


Ask = Callable[[App], Awaitable[Response]]
ORDINARY: dict[tuple[int, str], list[Ask]] = {
    (400, "invalid-ref"): [
        lambda app: post(app, "/v1/models/NO/predict"),
        lambda app: app.client.get("/v1/models/NO"),
        lambda app: app.client.get("/v1/models/tiny/versions/0"),
    ],
    (404, "not-found"): [
        lambda app: post(app, "/v1/models/nothing/predict"),
        lambda app: post(app, "/v1/models/tiny@9/predict"),
        lambda app: post(app, "/v1/models/tiny@nothing/predict/batch"),
        lambda app: app.client.get("/v1/models/nothing"),
    ],
    (404, "http"): [lambda app: app.client.get("/nothing"), lambda app: app.client.post("/v1/models/tiny/x")],
    (405, "http"): [lambda app: app.client.get("/v1/predict"), lambda app: app.client.delete("/v1/models")],
    (415, "unsupported-format"): [
        lambda app: post(app, "/v1/predict", b"GIF88a"),
        lambda app: post(app, "/v1/predict", b"II*\x00" + bytes(100)),
        lambda app: post(app, "/v1/predict", b"<svg/>"),
    ],
    (413, "image-too-large"): [
        lambda app: post(app, "/v1/predict", encode(solid(1, (20_000, 1), "1"), "PNG")),
        lambda app: post(app, "/v1/predict", encode(solid(1, (8000, 8000), "1"), "PNG")),
        lambda app: post(app, "/v1/predict", bytes(10_000_001)),
    ],
    (422, "undecodable-image"): [
        lambda app: post(app, "/v1/predict", RED[:50]),
        lambda app: post(app, "/v1/predict", files([b""], "file"), MULTIPART),
    ],
    (400, "malformed-request"): [
        lambda app: post(app, "/v1/predict", b""),
        lambda app: post(app, "/v1/predict", b"{", "application/json"),
        lambda app: post(app, "/v1/predict", b"x", MULTIPART),
        lambda app: post(app, "/v1/predict?top_k=many"),
    ],
    (415, "unsupported-content-type"): [lambda app: post(app, "/v1/predict", RED, "text/plain")],
    (413, "body-too-large"): [
        lambda app: post(app, "/v1/predict", bytes(14_000_000)),
        lambda app: post(app, "/v1/predict", bytes(14_000_000), MULTIPART),
    ],
    (413, "too-many-images"): [lambda app: post(app, "/v1/predict/batch", files([b"x"] * 65), MULTIPART)],
    (500, "inference-failed"): [
        lambda app: post(app, "/v1/models/moody/predict", mood(FAILS)),
        lambda app: post(app, "/v1/models/moody/predict", mood(NONSENSE)),
    ],
}


@pytest.mark.parametrize(("status", "kind"), list(ORDINARY))
async def test_errors_of_ordinary_days(app: App, status: int, kind: str) -> None:
    for ask in ORDINARY[status, kind]:
        assert_problem(await ask(app), status, kind)


async def test_a_version_that_was_refused(store: Store) -> None:
    (store.bundle("tiny", 1) / "golden" / "0.png").unlink()
    async with running_app(Settings(store=store.location)) as app:
        members = assert_problem(await post(app, "/v1/predict"), 503, "version-refused")
        assert "png" not in members["detail"]


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="the device is there")
async def test_a_device_that_is_not_there(start: Start) -> None:
    async with start(device="cuda") as app:
        assert_problem(await post(app, "/v1/predict"), 503, "device-unavailable")
        assert_problem(await app.client.get("/health/ready"), 503, "not-ready")


async def test_no_default_model(store: Store) -> None:
    publish_tiny(store.location, "other")
    async with running_app(Settings(store=store.location)) as app:
        assert_problem(await post(app, "/v1/predict"), 503, "not-ready")
        assert (await post(app, "/v1/models/other/predict")).status_code == 200


async def test_limits_of_time_and_room(start: Start) -> None:
    async def stops() -> AsyncIterator[Message]:
        yield piece(b"x")
        await asyncio.get_running_loop().create_future()

    async def gone() -> AsyncIterator[Message]:
        yield GONE

    async with start(request_timeout_s=0.05, body_timeout_s=0.05, max_bodies_bytes=1000) as app:
        assert_problem(await post(app, "/v1/models/moody/predict", mood(SLOW)), 504, "deadline-passed")
        assert_problem(await post(app, "/v1/predict", bytes(1001)), 429, "full")
        response = await converse(app.app, "/v1/predict", stops(), content_type="image/png")
        assert_problem(response, 408, "body-timeout")
        response = await converse(app.app, "/v1/predict", gone(), content_type="image/png")
        assert_problem(response, 499, "client-left")
        app.services.in_flight.draining = True
        assert_problem(await post(app, "/v1/predict"), 503, "draining")


async def test_a_fault_of_our_own(app: App, caplog: pytest.LogCaptureFixture) -> None:
    app.services.pipeline.close()  # as a thread pool that died
    large = encode(solid("red", (200, 200)), "PNG")  # a small one needs no thread
    response = await post(app, "/v1/predict", large)
    assert_problem(response, 500, "internal")
    assert response.headers["connection"] == "close"
    batch = (await post(app, "/v1/predict/batch", files([large, large]), MULTIPART)).json()
    assert [result["error"]["type"].rpartition(":")[2] for result in batch["results"]] == ["internal"] * 2
    assert [record.message for record in caplog.records].count("unexpected error") == 3
    assert app.services.pipeline.admission.inside == 0
    assert (await app.client.get("/health/live")).status_code == 200
