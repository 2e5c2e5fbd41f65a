"""A challenger sees a share of the live images when nobody waits, and what it says of them is counted and compared."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models.aliases import move_alias
from models.store import Store
from service.inference import shadow
from service.inference.examples import Examples
from service.settings import Settings
from tests.service.support.apps import App, running_app
from tests.service.support.bodies import MULTIPART, files
from tests.support.bundles import publish_tiny
from tests.support.graphs import colour_graph
from tests.support.images import encode, solid

RED, BLUE = (encode(solid(colour), "PNG") for colour in ("red", "blue"))
PNG = {"content-type": "image/png"}
# Its first class is blue, so that it says red of what the other says blue of.
SWAPPED = colour_graph(("blue", "green", "red"))


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    """Version 1 in production, and version 2, which takes blue for red, as its challenger."""
    store = Store(tmp_path / "store")
    publish_tiny(store.location)
    publish_tiny(store.location, model=SWAPPED)
    for version, alias in ((1, "production"), (2, "shadow")):
        move_alias(store, "tiny", alias, version, who="tests", why="")
    kept = {"shadow_examples": tmp_path / "kept", "shadow_examples_bytes": len(RED) + 10}
    async with running_app(Settings(store=store.location, threads=1, max_batch=1, shadow_share=1, **kept)) as app:
        yield app


async def report(app: App, images: int) -> dict[str, object]:
    """What is reported once so many images were compared or let go."""
    async with asyncio.timeout(30):
        while True:
            told = (await app.client.get("/v1/models/tiny/shadow")).json()
            if told and sum(told[0][name] for name in ("agreed", "disagreed", "skipped", "failed")) >= images:
                return dict(told[0])
            await asyncio.sleep(0.01)


async def test_it_says_what_it_would_have_said(app: App) -> None:
    for image in (RED, BLUE, BLUE):
        answered = (await app.client.post("/v1/predict", content=image, headers=PNG)).json()
        assert answered["model"]["version"] == 1
    told = await report(app, 3)
    assert (told["version"], told["challenger"]) == (1, 2)
    assert (told["agreed"], told["disagreed"], told["skipped"], told["failed"]) == (0, 3, 0, 0)
    assert told["disagreements"] == [
        {"label": "blue", "challenger_label": "red", "images": 2},
        {"label": "red", "challenger_label": "blue", "images": 1},
    ]


async def test_images_of_a_batch_are_compared_too(app: App) -> None:
    green = encode(solid("green"), "PNG")
    body = files([green, b"no image", green])
    await app.client.post("/v1/predict/batch", content=body, headers={"content-type": MULTIPART})
    assert (await report(app, 2))["agreed"] == 2


async def test_examples_are_kept_and_shown_as_long_as_there_is_room(app: App) -> None:
    for image in (RED, RED, BLUE):
        await app.client.post("/v1/predict", content=image, headers=PNG)
    [example] = (await report(app, 3))["examples"]
    assert (example["label"], example["challenger_label"], example["bytes"]) == ("red", "blue", len(RED))
    shown = await app.client.get(f"/v1/models/tiny/shadow/examples/{example['id']}")
    assert shown.content == RED
    assert shown.headers["content-type"] == "application/octet-stream"
    assert (await app.client.get(f"/v1/models/tiny/shadow/examples/{'0' * 32}")).status_code == 404
    assert (await app.client.get("/v1/models/tiny/shadow/examples/..%2F..%2Fpasswd")).status_code in {400, 404}


async def test_it_waits_until_nobody_waits(app: App) -> None:
    with app.services.pipeline.admission.permits(1):
        await app.client.post("/v1/predict", content=RED, headers=PNG)
        await asyncio.sleep(0.1)
        assert (await app.client.get("/v1/models/tiny/shadow")).json() == []
        assert (await report(app, 1))["disagreed"] == 1, "it does not wait for ever"


async def test_what_finds_no_room_is_let_go_and_counted(app: App) -> None:
    with app.services.pipeline.admission.permits(1):
        for _ in range(70):
            await app.client.post("/v1/predict", content=RED, headers=PNG)
    told = await report(app, 70)
    assert (told["disagreed"], told["skipped"]) == (64, 6)


async def test_who_asks_for_a_version_by_its_number_is_not_shadowed(app: App) -> None:
    await app.client.post("/v1/models/tiny@1/predict", content=RED, headers=PNG)
    await app.client.post("/v1/models/tiny@shadow/predict", content=RED, headers=PNG)
    await app.client.post("/v1/predict", content=BLUE, headers=PNG)  # which is looked at after them
    told = await report(app, 1)
    assert told["disagreements"] == [{"label": "blue", "challenger_label": "red", "images": 1}]


async def test_an_error_that_nobody_foresaw_does_not_end_it(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(app.services.pipeline, "answer_in_the_background", broken)
        await app.client.post("/v1/predict", content=RED, headers=PNG)
        assert (await report(app, 1))["failed"] == 1
    await app.client.post("/v1/predict", content=RED, headers=PNG)
    assert (await report(app, 2))["disagreed"] == 1


async def test_too_many_pairs_are_counted_together(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "_PAIRS", 1)
    for image in (RED, BLUE, RED):
        await app.client.post("/v1/predict", content=image, headers=PNG)
    told = await report(app, 3)
    assert sum(row["images"] for row in told["disagreements"]) == told["disagreed"] == 3
    assert {"label": "(others)", "challenger_label": "(others)", "images": 1} in told["disagreements"]


async def test_without_a_challenger_the_store_is_not_asked_for_one(app: App) -> None:
    store = app.services.store
    (store.location / "tiny" / "aliases.json").write_text('{"production": 1}')
    await app.services.fleet.look()
    assert (await app.client.post("/v1/predict", content=RED, headers=PNG)).status_code == 200
    store.location.rename(store.location.with_name("hidden"))
    for _ in range(30):
        assert (await app.client.post("/v1/predict", content=RED, headers=PNG)).status_code == 200
        await asyncio.sleep(0.003)


async def test_a_challenger_that_cannot_be_opened_harms_nobody(app: App) -> None:
    (app.services.store.bundle("tiny", 2) / "model.onnx").write_bytes(b"")
    assert (await app.client.post("/v1/predict", content=RED, headers=PNG)).status_code == 200
    assert (await report(app, 1))["failed"] == 1


def test_nothing_is_kept_unless_it_is_asked_for(tmp_path: Path) -> None:
    examples = Examples(None, 100)
    examples.keep("tiny", ("1", "2"), "red", "blue", RED)
    assert list(examples.list("tiny")) == []
    assert examples.read("tiny", "0" * 32) is None
    assert list(tmp_path.iterdir()) == []


def test_only_the_user_of_the_service_may_read_them(tmp_path: Path) -> None:
    examples = Examples(tmp_path / "kept", 10_000)
    examples.keep("tiny", ("1", "2"), "red", "blue", RED)
    examples.keep("tiny", ("1", "2"), "red", "blue", RED)
    [example] = examples.list("tiny")
    assert examples.read("tiny", example.id) == RED
    files = list((tmp_path / "kept" / "tiny").iterdir())
    assert len(files) == 2
    assert all(file.stat().st_mode & 0o077 == 0 for file in (*files, files[0].parent))
    (tmp_path / "kept" / "tiny" / f"{'0' * 32}.json").write_text("")
    assert list(examples.list("tiny")) == [example]


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    Examples(tmp_path / "file", 1000).keep("tiny", ("1", "2"), "red", "blue", RED)
    assert [record.getMessage() for record in caplog.records] == ["example not kept"]
