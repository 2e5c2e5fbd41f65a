"""Moving aliases over HTTP: through the gate, compared and set, and back in one call."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.aliases import move_alias
from models.refs import Ref
from models.store import Store
from models.targets import Target
from service.settings import Settings
from tests.service.support.apps import App, running_app
from tests.support.bundles import metrics, publish_tiny
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")
PRODUCTION = "/v1/models/tiny/aliases/production"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two versions alike, a worse one, and one with other labels."""
    root = tmp_path / "store"
    for changes in ({}, {}, {"metrics": metrics(accuracy=0.9)}, {"labels": ("blue", "red", "green")}):
        publish_tiny(root, **changes)
    return Store(root)


@pytest.fixture
async def app(store: Store) -> AsyncIterator[App]:
    async with running_app(Settings(store=store.location, threads=1, max_batch=1, store_poll_s=0.01)) as app:
        yield app


async def put(app: App, url: str = PRODUCTION, **members: Any) -> httpx.Response:
    return await app.client.put(url, json=members)


async def answered_by(app: App, version: int) -> None:
    """Wait until images are answered by a version."""
    async with asyncio.timeout(30):
        while True:
            answer = await app.client.post("/v1/predict", content=RED, headers={"content-type": "image/png"})
            if answer.json()["model"]["version"] == version:
                return
            await asyncio.sleep(0.01)


async def test_an_alias_moves_and_is_answered_by(app: App, store: Store) -> None:
    moved = await put(app, version=1, expect=None, why="the first")
    assert moved.status_code == 200
    assert (moved.json()["target"], moved.json()["before"]) == (1, None)
    await answered_by(app, 1)
    moved = await put(app, version=2, expect=1)
    assert {check["what"]: check["passed"] for check in moved.json()["checks"]}["accuracy"]
    await answered_by(app, 2)
    assert [(entry.who, entry.why) for entry in store.history("tiny")[-2:]] == [("HTTP", "the first"), ("HTTP", "")]
    assert (await app.client.get("/v1/models/tiny")).json()["aliases"] == {"production": 2}


async def test_what_is_expected_must_stand(app: App) -> None:
    await put(app, version=1)
    for expect in (2, None):
        refused = await put(app, version=2, expect=expect)
        assert refused.status_code == 409
        assert refused.json()["type"].endswith(":conflict")


async def test_of_two_at_once_one_wins(app: App) -> None:
    await put(app, version=1)
    answers = await asyncio.gather(*(put(app, version=2, expect=1, why=str(number)) for number in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_a_worse_version_is_refused_with_the_table_unless_forced_with_a_reason(app: App, store: Store) -> None:
    await put(app, version=1)
    refused = await put(app, version=3)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:whatsit:problem:promotion-refused")
    failed = [check for check in refused.json()["checks"] if not check["passed"]]
    assert failed == [{"what": "accuracy", "candidate": 0.9, "incumbent": 1.0, "least": 0.99, "passed": False}]
    assert (await put(app, version=3, force=True)).status_code == 400
    assert (await put(app, version=3, force=True, why="faster")).status_code == 200
    assert store.history("tiny")[-1].forced


async def test_other_labels_are_refused_unless_meant(app: App) -> None:
    await put(app, version=1)
    assert (await put(app, version=4)).status_code == 409
    assert (await put(app, version=4, new_labels=True)).status_code == 200


async def test_a_version_that_does_not_prove_itself_is_refused(app: App, store: Store) -> None:
    (store.bundle("tiny", 2) / "model.onnx").write_bytes(b"")
    assert (await put(app, version=2)).status_code == 503
    assert store.aliases("tiny") == {}


async def test_a_canary_begins_and_ends(app: App, store: Store) -> None:
    await put(app, version=1)
    begun = await put(app, canary=2, percent=50, why="to try")
    assert begun.json()["target"] == {"1": 50, "2": 50}
    assert store.targets("tiny") == {"production": Target(1, 2, (50, 50))}
    assert (await app.client.get("/v1/models/tiny/versions/2")).json()["aliases"] == ["production"]
    found = set()
    await answered_by(app, 2)
    for number in range(40):
        headers = {"content-type": "image/png", "x-client-id": f"client {number}"}
        answers = [await app.client.post("/v1/predict", content=RED, headers=headers) for _ in range(2)]
        versions = {answer.json()["model"]["version"] for answer in answers}
        assert len(versions) == 1
        found |= versions
    assert found == {1, 2}
    back = await app.client.post("/v1/models/tiny/rollback")
    assert back.json() == {"alias": "production", "left": 2, "version": 1}
    assert store.targets("tiny") == {"production": Target(1)}


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({}, 400),
        ({"version": 1, "canary": 2, "percent": 5}, 400),
        ({"canary": 2}, 400),
        ({"percent": 5}, 400),
        ({"canary": 2, "percent": 0}, 400),
        ({"canary": 2, "percent": 100}, 400),
        ({"canary": 1, "percent": 5}, 409),
        ({"canary": 7, "percent": 5}, 404),
        ({"canary": 2, "percent": 5, "expect": 7}, 409),
        ({"canary": 4, "percent": 5}, 409),
        ({"canary": 3, "percent": 50}, 409),
        ({"version": 9}, 404),
        ({"version": 0}, 400),
        ({"version": 2, "exepct": 1}, 400),
        ({"version": 2, "expect": "none"}, 400),
    ],
)
async def test_what_makes_no_sense_changes_nothing(app: App, store: Store, members: Any, status: int) -> None:
    await put(app, version=1)
    assert (await put(app, **members)).status_code == status
    assert store.targets("tiny") == {"production": Target(1)}


async def test_aliases_have_names(app: App) -> None:
    assert (await put(app, "/v1/models/tiny/aliases/12", version=1)).status_code == 400
    assert (await put(app, "/v1/models/nobody/aliases/production", version=1)).status_code == 404


async def test_going_back_undoes_the_last_move(app: App, store: Store) -> None:
    for version in (1, 2):
        await put(app, version=version)
    refused = await app.client.post("/v1/models/tiny/rollback", json={"expect": 1})
    assert refused.status_code == 409
    back = await app.client.post("/v1/models/tiny/rollback", json={"expect": 2, "why": "wrong on ships"})
    assert back.json() == {"alias": "production", "left": 2, "version": 1}
    assert store.history("tiny")[-1].why == "wrong on ships"
    assert (await app.client.post("/v1/models/tiny/rollback")).status_code == 409
    assert (await app.client.post("/v1/models/nobody/rollback")).status_code == 404


async def test_the_history_tells_who_and_why(app: App) -> None:
    await put(app, version=1, why="the first")
    told = (await app.client.get("/v1/models/tiny/history")).json()
    assert (told[0]["action"], told[0]["alias"], told[0]["after"], told[0]["why"]) == (
        "move",
        "production",
        1,
        "the first",
    )
    assert [line["action"] for line in told[1:]] == ["publish"] * 4


async def test_a_swap_is_counted(app: App) -> None:
    await put(app, version=1)
    await answered_by(app, 1)
    await put(app, version=2)
    await answered_by(app, 2)
    assert await app.metric('whatsit_swaps_total{alias="production",model="tiny",outcome="done"}') >= 1
    assert await app.metric('whatsit_stage_seconds_count{model="tiny",stage="total",version="2"}') >= 1


async def test_a_version_is_deleted_and_what_was_asked_of_it_is_answered(app: App, store: Store) -> None:
    await put(app, version=1)
    with await app.services.fleet.lease(Ref("tiny", version=2)) as lease:
        gone = await app.client.delete("/v1/models/tiny/versions/2", params={"why": "no longer wanted"})
        assert gone.json() == {"removed": 2}
        assert await lease.engine.healthy()
    assert app.services.fleet.state("tiny", 2) == ("available", None)
    assert store.versions("tiny") == [1, 3, 4]
    assert store.history("tiny")[-1].why == "no longer wanted"
    answer = await app.client.post("/v1/models/tiny@2/predict", content=RED, headers={"content-type": "image/png"})
    assert answer.status_code == 404


async def test_one_that_an_alias_names_is_not(app: App, store: Store) -> None:
    await put(app, version=1)
    assert (await app.client.delete("/v1/models/tiny/versions/1")).status_code == 409
    assert (await app.client.delete("/v1/models/tiny/versions/9")).status_code == 404
    assert store.versions("tiny") == [1, 2, 3, 4]


async def test_an_alias_is_removed_and_its_version_can_go(app: App, store: Store) -> None:
    await put(app, version=1)
    await put(app, "/v1/models/tiny/aliases/shadow", version=2)
    removed = await app.client.delete("/v1/models/tiny/aliases/shadow", params={"why": "enough"})
    assert removed.json() == {"alias": "shadow", "before": 2}
    assert (await app.client.delete("/v1/models/tiny/aliases/shadow")).status_code == 409
    assert (await app.client.delete("/v1/models/tiny/versions/2")).status_code == 200
    assert store.history("tiny")[-2].why == "enough"


async def test_what_an_alias_is_answered_by_is_told(app: App, store: Store) -> None:
    await put(app, version=1)
    await answered_by(app, 1)
    (store.bundle("tiny", 2) / "model.onnx").write_bytes(b"")
    move_alias(store, "tiny", "production", 2, who="tests", why="")
    while (await app.client.get("/v1/models/tiny")).json()["versions"][1]["state"] != "failed":  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    told = (await app.client.get("/v1/models/tiny")).json()
    assert (told["aliases"], told["answered_by"]) == ({"production": 2}, {"production": 1})
