"""What is remembered, for whom, and how much of it."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from models.aliases import move_alias
from models.store import Store
from service.inference.cache import Cache, Key, Seen
from service.inference.decoding import ImageInfo
from service.inference.engine import Engine
from tests.service.conftest import Start
from tests.service.support.apps import App
from tests.support.bundles import publish_tiny
from tests.support.graphs import colour_graph
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")
SEEN = Seen(ImageInfo("PNG", 8, 8), np.zeros(25, np.float32))
SIZE = 800


def engine(name: str = "tiny", version: int = 1, precision: str = "fp32") -> Engine:
    return cast(Engine, SimpleNamespace(manifest=SimpleNamespace(name=name, version=version), precision=precision))


def key(cache: Cache, data: bytes, of: Engine | None = None) -> Key:
    found = cache.key(data, of or engine())
    assert found is not None
    return found


def test_an_answer_is_remembered_for_one_file_one_version_and_one_precision() -> None:
    cache = Cache(10 * SIZE)
    cache.put(key(cache, b"a"), SEEN)
    assert cache.get(key(cache, b"a")) is not None
    for other in (engine("other"), engine(version=2), engine(precision="int8")):
        assert cache.get(key(cache, b"a", other)) is None
    assert cache.get(key(cache, b"b")) is None


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    cache = Cache(3 * SIZE)
    for name in (b"a", b"b", b"c"):
        cache.put(key(cache, name), SEEN)
    cache.get(key(cache, b"a"))
    cache.put(key(cache, b"a"), SEEN)
    cache.put(key(cache, b"d"), SEEN)
    held = [name for name in (b"a", b"b", b"c", b"d") if cache.get(key(cache, name))]
    assert held == [b"a", b"c", b"d"]


@pytest.mark.parametrize("limit", [0, SIZE // 2])
def test_what_has_no_room_is_not_remembered(limit: int) -> None:
    cache = Cache(limit)
    if limit:
        cache.put(key(cache, b"a"), SEEN)
        assert cache.get(key(cache, b"a")) is None
    else:
        assert cache.key(b"a", engine()) is None


def test_a_row_is_kept_without_its_batch() -> None:
    cache, batch = Cache(10 * SIZE), np.zeros((32, 25), np.float32)
    cache.put(key(cache, b"a"), Seen(SEEN.image, batch[3]))
    seen = cache.get(key(cache, b"a"))
    assert seen is not None
    assert seen.row.base is None


async def answer(app: App, top_k: int = 2) -> dict[str, object]:
    response = await app.client.post(
        f"/v1/models/tiny/predict?top_k={top_k}", content=RED, headers={"content-type": "image/png"}
    )
    members: dict[str, object] = response.json()
    return {name: value for name, value in members.items() if name not in {"id", "timing_ms"}}


async def test_a_file_that_is_sent_again_gets_the_same_answer_without_a_run(start: Start) -> None:
    async with start(cache_bytes=10_000) as app:
        first = await answer(app)
        assert await answer(app) == first
        assert len(cast(list[object], (await answer(app, top_k=3))["predictions"])) == 3
        assert await app.metric("whatsit_batch_images_count") == 1
        assert await app.metric('whatsit_remembered_total{model="tiny",version="1"}') == 2


async def test_an_alias_that_moves_is_answered_by_the_other_version(start: Start, tmp_path: Path) -> None:
    root = tmp_path / "store"
    publish_tiny(root)
    publish_tiny(root, model=colour_graph(sharpness=1))
    store = Store(root)
    async with start(store=root, cache_bytes=10_000) as app:
        scores = []
        for version in (1, 2, 1):
            move_alias(store, "tiny", "production", version, who="x", why="x")
            while cast(dict[str, int], (given := await answer(app))["model"])["version"] != version:
                await app.services.fleet.look()
            scores.append(given["score"])
    assert scores[0] == scores[2] != scores[1]
