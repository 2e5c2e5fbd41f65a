"""The registry over HTTP."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from models.aliases import move_alias
from models.store import Store
from service.settings import Settings
from tests.service.support.apps import App, running_app
from tests.service.support.problems import assert_discreet, assert_problem
from tests.support.bundles import imported, publish_tiny


@pytest.fixture
async def app(store: Store) -> AsyncIterator[App]:
    """An app over a store that the test may change; ``tiny`` has two versions."""
    publish_tiny(store.location)
    move_alias(store, "tiny", "production", 1, who="tests", why="")
    move_alias(store, "tiny", "next", 2, who="tests", why="")
    async with running_app(Settings(store=store.location, threads=1)) as app:
        await app.services.fleet.lease(app.services.fleet.default)
        yield app


async def test_the_list(app: App, store: Store) -> None:
    publish_tiny(store.location, "other", labels=("red", "blue"))
    got = (await app.client.get("/v1/models")).json()
    assert list(got) == ["models"]
    other, tiny = got["models"]
    assert list(tiny) == ["name", "default", "aliases", "answered_by", "versions"]
    assert (other["name"], other["default"], other["aliases"]) == ("other", False, {})
    assert (tiny["name"], tiny["default"], tiny["aliases"]) == ("tiny", True, {"next": 2, "production": 1})
    assert [(version["version"], version["state"]) for version in tiny["versions"]] == [(1, "ready"), (2, "available")]
    assert list(tiny["versions"][0]) == ["version", "state", "reason", "running", "created_at", "classes", "accuracy"]
    assert (other["versions"][0]["classes"], other["versions"][0]["accuracy"]) == (2, 1.0)


async def test_one_model_is_shown_as_in_the_list(app: App) -> None:
    assert (await app.client.get("/v1/models/tiny")).json() == (await app.client.get("/v1/models")).json()["models"][0]


async def test_one_version_with_all_that_is_known_of_it(app: App, store: Store) -> None:
    got = (await app.client.get("/v1/models/tiny/versions/2")).json()
    assert (got["version"], got["state"], got["aliases"]) == (2, "available", ["next"])
    assert got["manifest"] == store.manifest("tiny", 2).model_dump(mode="json")


async def test_a_version_that_was_not_evaluated(app: App, store: Store) -> None:
    publish_tiny(store.location, "imported", metrics=None, provenance=None, imported=imported())
    listed = (await app.client.get("/v1/models/imported")).json()
    assert [(version["classes"], version["accuracy"]) for version in listed["versions"]] == [(3, None)]
    got = (await app.client.get("/v1/models/imported/versions/1")).json()
    assert (got["manifest"]["metrics"], got["manifest"]["provenance"]) == (None, None)
    assert got["manifest"]["imported"]["files"]


async def test_what_is_not_there(app: App) -> None:
    for path in ("/v1/models/nothing", "/v1/models/nothing/versions/1", "/v1/models/tiny/versions/3"):
        assert_problem(await app.client.get(path), 404, "not-found")


async def test_what_is_no_version(app: App) -> None:
    for version in ("0", "-1", "01", "1.0", "1e0", "x", "%31%00", "9" * 5000, "²", "1_0", "%201"):
        response = await app.client.get(f"/v1/models/tiny/versions/{version}")
        assert_problem(response, 400, "invalid-ref")


async def test_names_that_no_model_can_have(app: App) -> None:
    for name in ("TINY", ".hidden", "-x", "a" * 65, "a b", "a%00", "%2e%2e", "tiny%0a", "ä", "~root"):
        assert_problem(await app.client.get(f"/v1/models/{name}"), 400, "invalid-ref")
        assert_problem(await app.client.get(f"/v1/models/{name}/versions/1"), 400, "invalid-ref")


async def test_refs_that_cannot_be(app: App) -> None:
    for ref in ("TINY", "tiny@", "tiny@0", "tiny@01", "tiny@-1", "tiny@A", "@1", "a@b@c", "tiny@..", "%2e%2e"):
        for path in ("predict", "predict/batch"):
            response = await app.client.post(f"/v1/models/{ref}/{path}", headers={"content-type": "image/png"})
            assert_problem(response, 400, "invalid-ref")


async def test_a_path_is_no_name(app: App) -> None:
    for path in ("..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "tiny%2f1", "..%5c..%5cboot.ini"):
        for place in (f"/v1/models/{path}", f"/v1/models/{path}/versions/1", f"/v1/models/tiny/versions/{path}"):
            response = await app.client.get(place)
            assert response.status_code in {400, 404}
            assert_discreet(response.content)


async def test_a_version_that_was_refused_says_why_and_hides_no_other(app: App, store: Store) -> None:
    (store.bundle("tiny", 2) / "model.onnx").write_bytes(b"changed")
    response = await app.client.post("/v1/models/tiny@2/predict", content=b"x", headers={"content-type": "image/png"})
    assert_problem(response, 503, "version-refused")
    response = await app.client.get("/v1/models")
    one, two = response.json()["models"][0]["versions"]
    assert (one["state"], two["state"]) == ("ready", "failed")
    assert two["reason"].startswith("ChecksumMismatch: model.onnx is not what was published")
    assert_discreet(response.content)


async def test_a_manifest_that_cannot_be_read_hides_no_other_version(app: App, store: Store) -> None:
    (store.bundle("tiny", 2) / "manifest.json").write_text("{")
    response = await app.client.get("/v1/models")
    one, two = response.json()["models"][0]["versions"]
    assert one["state"] == "ready"
    assert (two["version"], two["state"], two["classes"]) == (2, "failed", None)
    assert two["reason"]
    assert_discreet(response.content)
    assert_problem(await app.client.get("/v1/models/tiny/versions/2"), 503, "version-refused")


async def test_what_is_published_while_it_runs_is_seen(app: App, store: Store) -> None:
    publish_tiny(store.location, "fresh")
    names = [model["name"] for model in (await app.client.get("/v1/models")).json()["models"]]
    assert names == ["fresh", "tiny"]


async def test_an_empty_store_is_no_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with running_app(Settings(store=tmp_path_factory.mktemp("empty"))) as app:
        assert (await app.client.get("/v1/models")).json() == {"models": []}
        await asyncio.sleep(0)
        response = await app.client.post("/v1/predict", content=b"x", headers={"content-type": "image/png"})
        assert_problem(response, 503, "not-ready")
