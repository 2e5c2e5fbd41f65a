"""Live, ready, and what Prometheus reads."""

import asyncio

import pytest

from models.store import Store
from service.settings import Settings
from tests.service.conftest import Start
from tests.service.support.apps import App, running_app
from tests.service.support.bodies import MULTIPART, files
from tests.service.support.moods import FAILS, GOOD, mood
from tests.service.support.problems import assert_problem
from tests.support.bundles import publish_tiny
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")


async def until_ready(app: App) -> None:
    while (await app.client.get("/health/ready")).status_code != 200:  # noqa: ASYNC110 - as orchestrators do it
        await asyncio.sleep(0.01)


async def test_it_lives_before_it_is_ready_and_is_ready_by_itself(app: App) -> None:
    assert (await app.client.get("/health/live")).json() == {"status": "live"}
    assert_problem(await app.client.get("/health/ready"), 503, "not-ready")
    await until_ready(app)
    assert (await app.client.get("/health/ready")).json() == {"status": "ready", "workers": {"ready": 1, "of": 1}}


async def test_it_is_not_ready_when_the_default_is_refused_and_other_models_answer(store: Store) -> None:
    publish_tiny(store.location, "other")
    (store.bundle("tiny", 1) / "model.onnx").write_bytes(b"changed")
    async with running_app(Settings(store=store.location, default_model="tiny", threads=1)) as app:
        headers = {"content-type": "image/png"}
        assert_problem(await app.client.post("/v1/predict", content=RED, headers=headers), 503, "version-refused")
        assert_problem(await app.client.get("/health/ready"), 503, "not-ready")
        assert (await app.client.get("/health/live")).status_code == 200
        assert (await app.client.post("/v1/models/other/predict", content=RED, headers=headers)).status_code == 200


async def test_an_engine_that_failed_on_an_image_is_still_ready(start: Start) -> None:
    async with start(default_model="moody") as app:
        headers = {"content-type": "image/png"}
        response = await app.client.post("/v1/predict", content=mood(FAILS), headers=headers)
        assert_problem(response, 500, "inference-failed")
        await until_ready(app)


async def test_a_store_without_a_default_is_not_ready_and_says_so_in_the_log(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    publish_tiny(store.location, "other")
    async with running_app(Settings(store=store.location)) as app:
        await asyncio.sleep(0.01)
        assert_problem(await app.client.get("/health/ready"), 503, "not-ready")
    [record] = [r for r in caplog.records if r.message == "the default model is not ready"]
    assert "other, tiny" in record.reason


async def test_metrics_count_requests_problems_images_and_stages(app: App) -> None:
    await app.client.post("/v1/predict", content=RED, headers={"content-type": "image/png"})
    await app.client.post("/v1/predict", content=RED[:40], headers={"content-type": "image/png"})
    await app.client.post("/v1/predict/batch", content=files([RED, b"x", RED]), headers={"content-type": MULTIPART})
    await app.client.get("/nothing")
    expected = {
        'whatsit_requests_total{method="POST",route="/v1/predict",status="200"}': 1,
        'whatsit_requests_total{method="POST",route="/v1/predict",status="422"}': 1,
        'whatsit_requests_total{method="POST",route="/v1/predict/batch",status="200"}': 1,
        'whatsit_requests_total{method="GET",route="unmatched",status="404"}': 1,
        'whatsit_request_seconds_count{route="/v1/predict"}': 2,
        'whatsit_errors_total{type="undecodable-image"}': 1,
        'whatsit_errors_total{type="unsupported-format"}': 1,
        'whatsit_errors_total{type="http"}': 1,
        'whatsit_images_total{model="tiny",outcome="ok",version="1"}': 3,
        'whatsit_images_total{model="tiny",outcome="failed",version="1"}': 2,
        "whatsit_batch_images_count": 3,
        "whatsit_permits_held": 0,
        "whatsit_permits": 1024,
    } | {
        f'whatsit_stage_seconds_count{{model="tiny",stage="{stage}",version="1"}}': images
        for stage, images in {"decode": 3, "queue": 3, "inference": 3, "total": 3, "failed": 2}.items()
    }
    assert {name: await app.metric(name) for name in expected} == expected


async def test_metrics_have_the_content_type_that_prometheus_expects(app: App) -> None:
    response = await app.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert response.text.endswith("\n")


async def test_strangers_make_no_new_series(app: App) -> None:
    for number in range(20):
        await app.client.get(f"/nothing/{number}")
        await app.client.get(f"/v1/models/nothing-{number}")
        await app.client.post(f"/v1/models/nothing-{number}/predict", content=mood(GOOD))
    text = (await app.client.get("/metrics")).text
    assert "nothing-" not in text
    assert text.count("whatsit_requests_total{") == 3


async def test_two_apps_in_one_process_count_by_themselves(app: App, start: Start) -> None:
    async with start() as other:
        await other.client.get("/nothing")
        assert await other.metric('whatsit_errors_total{type="http"}') == 1
        assert await app.metric('whatsit_errors_total{type="http"}') == 0
