"""What a version has done, told as the protocol does."""

import time
from typing import Any

from service.settings import Settings
from tests.service.api.openinference.support import INFER, assert_error, image_input, outputs, pixel_input, pixels, png
from tests.service.conftest import Start
from tests.service.support.apps import App

PNG = {"content-type": "image/png"}


async def stats(app: App, path: str = "/v2/models/tiny/stats") -> dict[str, Any]:
    [found] = (await app.client.get(path)).json()["model_stats"]
    return dict(found)


async def test_nothing_was_done_yet(app: App) -> None:
    found = await stats(app)
    nothing = {"count": 0, "ns": 0}
    stages = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit")
    assert found == {
        **{"name": "tiny", "version": "1", "last_inference": 0, "inference_count": 0, "execution_count": 0},
        "inference_stats": dict.fromkeys(stages, nothing),
        "batch_stats": [],
    }


async def test_images_and_runs_are_counted_whichever_way_they_came(app: App) -> None:
    before = time.time() * 1000
    outputs(await app.client.post(INFER, json={"inputs": [pixel_input()]}))
    given = pixels(*["red"] * 4).tolist()
    outputs(await app.client.post(INFER, json={"inputs": [pixel_input(given, shape=[4, 8, 8, 3])]}))
    outputs(await app.client.post(INFER, json={"inputs": [image_input(png())]}))
    await app.client.post("/v1/predict", content=png(), headers=PNG)
    await app.client.post("/v1/predict", content=b"x", headers=PNG)
    found = await stats(app)
    stages = found["inference_stats"]
    assert (found["inference_count"], found["execution_count"]) == (7, sum(_runs(found).values()))
    assert sum(size * runs for size, runs in _runs(found).items()) == 7
    assert {name: stage["count"] for name, stage in stages.items()} == {
        **dict.fromkeys(("success", "queue", "compute_input", "compute_infer", "compute_output"), 7),
        **{"fail": 1, "cache_hit": 0},
    }
    parts = ("queue", "compute_input", "compute_infer", "compute_output")
    assert abs(stages["success"]["ns"] - sum(stages[part]["ns"] for part in parts)) <= 10
    assert all(stages[part]["ns"] > 0 for part in (*parts, "fail"))
    assert before - 1 <= found["last_inference"] <= time.time() * 1000 + 1


def _runs(found: dict[str, Any]) -> dict[int, int]:
    return {batch["batch_size"]: batch["compute_infer"]["count"] for batch in found["batch_stats"]}


async def test_what_was_remembered_is_a_hit_and_no_inference(start: Start) -> None:
    async with start(cache_bytes=1_000_000) as app:
        for _ in range(3):
            outputs(await app.client.post(INFER, json={"inputs": [image_input(png())]}))
        found = await stats(app)
        counts = {name: stage["count"] for name, stage in found["inference_stats"].items()}
        assert (found["inference_count"], counts["success"], counts["cache_hit"]) == (1, 3, 2)
        assert (counts["compute_input"], counts["compute_infer"]) == (1, 1)
        assert found["inference_stats"]["cache_hit"]["ns"] > 0


async def test_paths(app: App, settings: Settings) -> None:
    everything = (await app.client.get("/v2/models/stats")).json()["model_stats"]
    assert [(one["name"], one["version"]) for one in everything] == [("moody", "1"), ("tiny", "1")]
    assert await stats(app, "/v2/models/tiny/versions/1/stats") == await stats(app)
    assert_error(await app.client.get("/v2/models/nobody/stats"), 404)
    assert_error(await app.client.get("/v2/models/tiny/versions/2/stats"), 404)
