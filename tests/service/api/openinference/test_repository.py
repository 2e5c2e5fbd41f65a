"""The repository over HTTP, and what loading and unloading do to everybody else."""

import asyncio

import pytest

from models.aliases import move_alias, set_canary
from models.refs import Ref
from models.store import Store
from service.settings import Settings
from tests.service.api.openinference.support import INFER, assert_error, outputs, pixel_input, png
from tests.service.support.apps import App
from tests.service.support.problems import assert_problem
from tests.support.bundles import publish_tiny

PNG = {"content-type": "image/png"}
TWO = "/v2/models/tiny/versions/2"


@pytest.fixture
def settings(store: Store) -> Settings:
    """The store has two versions of ``tiny``, of which production is the first."""
    publish_tiny(store.location)
    move_alias(store, "tiny", "production", 1, who="tests", why="")
    return Settings(store=store.location, threads=1)


async def post(app: App, path: str, **members: object) -> dict[str, object]:
    response = await app.client.post(f"/v2/repository/{path}", json=members)
    assert response.status_code == 200, response.text
    found: dict[str, object] = response.json()
    return found


async def states(app: App) -> dict[str, tuple[str, str]]:
    entries = (await app.client.post("/v2/repository/index")).json()
    assert {entry["name"] for entry in entries} == {"tiny"}
    return {entry["version"]: (entry["state"], entry["reason"]) for entry in entries}


async def test_unloading_a_version_leaves_the_others(app: App) -> None:
    await post(app, "models/tiny@2/load")
    assert (await states(app))["2"] == ("READY", "")
    assert await post(app, "models/tiny@2/unload") == {}
    assert (await states(app))["2"] == ("UNAVAILABLE", "unloaded")
    assert_error(await app.client.get(f"{TWO}/ready"), 503, "tiny@2 was unloaded")
    assert_error(await app.client.post(f"{TWO}/infer", json={"inputs": [pixel_input()]}), 503, "tiny@2 was unloaded")
    response = await app.client.post("/v1/models/tiny@2/predict", content=png(), headers=PNG)
    assert_problem(response, 503, "unloaded")
    outputs(await app.client.post(INFER, json={"inputs": [pixel_input()]}))
    await post(app, "models/tiny@2/load")
    outputs(await app.client.post(f"{TWO}/infer", json={"inputs": [pixel_input()]}))


async def test_unloading_a_model_unloads_all_of_it_and_readiness_shows_it(app: App) -> None:
    await post(app, "models/tiny/load")
    assert (await app.client.get("/v2/health/ready")).json() == {"ready": True}
    await post(app, "models/tiny/unload")
    assert set((await states(app)).values()) == {("UNAVAILABLE", "unloaded")}
    assert_error(await app.client.get("/v2/health/ready"), 503)
    assert_problem(await app.client.get("/health/ready"), 503, "not-ready")
    listed = (await app.client.get("/v1/models/tiny")).json()["versions"]
    assert [version["state"] for version in listed] == ["unloaded", "unloaded"]
    await post(app, "models/tiny/load")
    assert (await app.client.get("/health/ready")).status_code == 200
    assert (await app.client.get(f"{TWO}/ready")).json() == {"name": "tiny", "ready": True}


async def test_what_is_inside_is_answered_and_then_the_engine_is_closed(app: App) -> None:
    await post(app, "models/tiny@2/load")
    with await app.services.fleet.lease(Ref("tiny", version=2)) as lease:
        await post(app, "models/tiny@2/unload")
        assert_error(await app.client.get(f"{TWO}/ready"), 503, "tiny@2 was unloaded")
        assert await lease.engine.healthy(), "whoever has it may still use it"
    while await lease.engine.healthy():  # noqa: ASYNC110 - the last has let go of it
        await asyncio.sleep(0.01)
    assert app.services.fleet.engine("tiny", 2) is None


async def test_what_is_unloaded_while_it_is_opened_stays_unloaded(app: App) -> None:
    asking = asyncio.create_task(app.client.get(f"{TWO}/ready"))
    while (await states(app))["2"][0] != "LOADING":  # noqa: ASYNC110 - as clients do it
        await asyncio.sleep(0)
    await post(app, "models/tiny@2/unload")
    assert (await asking).status_code == 200, "it was inside before"
    assert_error(await app.client.get(f"{TWO}/ready"), 503, "tiny@2 was unloaded")


async def test_a_version_that_comes_while_its_model_is_unloaded_is_unloaded_too(app: App, store: Store) -> None:
    await post(app, "models/tiny/unload")
    publish_tiny(store.location)
    await app.services.fleet.look()
    app.services.loading.follow()
    assert (await states(app))["3"] == ("UNAVAILABLE", "unloaded")
    await post(app, "models/tiny@3/load")
    assert [(await states(app))[version][0] for version in "123"] == ["UNAVAILABLE", "UNAVAILABLE", "READY"]


async def test_the_index_of_what_is_ready(app: App) -> None:
    await post(app, "models/tiny@2/load")
    ready = await post(app, "index", ready=True)
    assert {"name": "tiny", "version": "2", "state": "READY", "reason": ""} in list(ready)
    await post(app, "models/tiny@2/unload")
    assert all(entry["version"] != "2" for entry in list(await post(app, "index", ready=True)))


async def test_a_refused_version_can_be_loaded_at_once_when_it_is_mended(app: App, store: Store) -> None:
    graph = store.bundle("tiny", 2) / "model.onnx"
    content = graph.read_bytes()
    graph.write_bytes(b"changed")
    assert_error(await app.client.post("/v2/repository/models/tiny@2/load"), 503, "failed its proof")
    graph.write_bytes(content)
    assert_error(await app.client.get(f"{TWO}/ready"), 503)
    await post(app, "models/tiny@2/load")
    assert (await app.client.get(f"{TWO}/ready")).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("index", b"[]", 400, "must be a JSON object"),
        ("index", b'{"ready": "yes"}', 400, "must be a JSON object"),
        ("index", b"{", 400, "not JSON"),
        ("models/tiny/load", b'{"parameters": {"config": "{}"}}', 400, "config cannot be given"),
        ("models/tiny/load", b'{"parameters": {"file:1/model.onnx": "AA=="}}', 400, "cannot be given"),
        ("models/tiny/load", b'{"parameters": 1}', 400, "must be a JSON object"),
        ("models/tiny/unload", b'{"parameters": {"force": true}}', 400, "no parameter force"),
        ("models/nobody/load", b"", 404, "no model 'nobody'"),
        ("models/nobody/unload", b"", 404, "no model 'nobody'"),
        ("models/tiny@9/unload", b"", 404, "no version 9"),
        ("models/TINY/load", b"", 400, "not a model name"),
        ("models/tiny/load", bytes(70_000), 413, "larger than"),
    ],
)
async def test_what_is_refused(app: App, path: str, body: bytes, status: int, words: str) -> None:
    assert_error(await app.client.post(f"/v2/repository/{path}", content=body), status, words)


async def test_a_canary_that_is_unloaded_leaves_its_share_to_the_incumbent(app: App, store: Store) -> None:
    set_canary(store, "tiny", "production", 2, (1, 99), who="tests", why="")
    while app.services.fleet.find(Ref("tiny")).target.canary is None:
        await app.services.fleet.look()
        await asyncio.sleep(0)
    await post(app, "models/tiny@2/unload")
    for _ in range(3):
        response = await app.client.post(INFER, json={"inputs": [pixel_input()]})
        assert outputs(response)
        assert response.json()["model_version"] == "1"
