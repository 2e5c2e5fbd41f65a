"""The fleet over a real store: opened once, refused with a reason, tried again, seen when it moves."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from models.checksums import sha256_of
from models.errors import BundleError, ChecksumMismatch, ModelNotFound, VersionNotFound
from models.refs import Ref
from models.store import Store
from service.errors import NotReady
from service.inference.fleet import Fleet
from service.inference.opening import LocalOpener
from service.settings import Settings
from tests.support.bundles import publish_tiny

TINY = Ref("tiny")


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def fleet(store: Store, clock: Clock) -> AsyncIterator[Fleet]:
    settings = Settings(store=store.location, default_model="tiny", threads=1)
    fleet = Fleet(store, settings, LocalOpener(store, settings), clock)
    yield fleet
    await fleet.close()


def spoil(bundle: Path) -> Callable[[], None]:
    """Change one byte of a graph; returns what puts it back."""
    graph = bundle / "model.onnx"
    good = graph.read_bytes()
    graph.write_bytes(bytes([good[0] ^ 1]) + good[1:])

    def put_back() -> None:
        graph.write_bytes(good)

    return put_back


def rewrite_golden(bundle: Path, content: object) -> None:
    """Change what the golden images should give, and make the manifest agree, as only a malicious hand would."""
    golden, manifest = bundle / "golden/golden.json", bundle / "manifest.json"
    golden.write_text(json.dumps(content))
    told = json.loads(manifest.read_text())
    told["files"]["golden/golden.json"] = sha256_of(golden)
    manifest.write_text(json.dumps(told))


async def test_what_the_store_does_not_hold_is_not_found(fleet: Fleet) -> None:
    with pytest.raises(ModelNotFound):
        await fleet.lease(Ref("nothing"))
    with pytest.raises(VersionNotFound):
        await fleet.lease(Ref("tiny", version=2))


async def test_a_version_is_opened_once_for_all_who_ask_at_once(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    leases = await asyncio.gather(*(fleet.lease(ref) for ref in [TINY, Ref("tiny", version=1)] * 20))
    assert len({id(lease.engine) for lease in leases}) == 1
    assert [record.message for record in caplog.records] == ["version opened"]


async def test_who_gives_up_does_not_stop_the_opening_for_the_others(fleet: Fleet) -> None:
    gives_up, waits = asyncio.create_task(fleet.lease(TINY)), asyncio.create_task(fleet.lease(TINY))
    await asyncio.sleep(0)
    gives_up.cancel()
    assert (await waits).resolved.version == 1


async def test_states(fleet: Fleet) -> None:
    assert fleet.state("tiny", 1) == ("available", None)
    opening = asyncio.create_task(fleet.lease(TINY))
    await asyncio.sleep(0)
    assert fleet.state("tiny", 1) == ("loading", None)
    await opening
    assert fleet.state("tiny", 1) == ("ready", None)


async def test_a_version_that_fails_its_proof_is_refused_with_a_reason_and_the_others_serve(
    fleet: Fleet, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    publish_tiny(store.location, "other")
    spoil(store.bundle("tiny", 1))
    with pytest.raises(ChecksumMismatch):
        await fleet.lease(TINY)
    state, reason = fleet.state("tiny", 1)
    assert (state, str(reason).partition(":")[0]) == ("failed", "ChecksumMismatch")
    [record] = caplog.records
    assert (record.message, "model.onnx" in record.reason) == ("version refused", True)
    assert (await fleet.lease(Ref("other"))).resolved.name == "other"


async def test_a_refused_version_is_not_proved_at_every_request_but_tried_again_later(
    fleet: Fleet, store: Store, clock: Clock
) -> None:
    put_back = spoil(store.bundle("tiny", 1))
    with pytest.raises(ChecksumMismatch):
        await fleet.lease(TINY)
    put_back()
    clock.now += 29
    with pytest.raises(ChecksumMismatch):
        await fleet.lease(TINY)
    clock.now += 2
    assert (await fleet.lease(TINY)).resolved.version == 1
    assert fleet.state("tiny", 1) == ("ready", None)


async def test_an_error_that_is_told_again_and_again_does_not_grow(fleet: Fleet, store: Store) -> None:
    spoil(store.bundle("tiny", 1))
    for _ in range(50):
        with pytest.raises(ChecksumMismatch) as caught:
            await fleet.lease(TINY)
    assert len(caught.traceback) < 20


@pytest.mark.parametrize(
    "golden",
    [
        {"tolerance": 0.1, "images": [{"file": "missing.png", "source": "", "probabilities": [1, 0, 0]}]},
        {"tolerance": 0.1, "images": [{"file": "golden.json", "source": "", "probabilities": [1, 0, 0]}]},
        {
            "tolerance": 0.1,
            "images": [
                {"file": "0.png", "source": "", "probabilities": [1, 0, 0]},
                {"file": "1.png", "source": "", "probabilities": [1, 0]},
            ],
        },
    ],
    ids=["a file that is not there", "a file that is no image", "rows of unequal length"],
)
async def test_whatever_is_wrong_with_a_version_is_the_versions_fault(
    fleet: Fleet, store: Store, golden: object
) -> None:
    rewrite_golden(store.bundle("tiny", 1), golden)
    with pytest.raises(BundleError):
        await fleet.lease(TINY)
    state, reason = fleet.state("tiny", 1)
    assert state == "failed"
    assert str(store.location) not in str(reason)


async def test_a_version_that_was_removed_is_not_found(fleet: Fleet, store: Store) -> None:
    publish_tiny(store.location)
    await fleet.lease(Ref("tiny", version=1))
    store.remove("tiny", 2, who="tests", why="")
    with pytest.raises(VersionNotFound):
        await fleet.lease(Ref("tiny", version=2))
    assert fleet.state("tiny", 2) == ("available", None)


async def test_the_default_is_the_one_that_is_set_or_cifar10_or_the_only_one(tmp_path: Path) -> None:
    root = tmp_path / "several"
    root.mkdir()
    assert_no_default(root, "none")
    publish_tiny(root, "pets")
    assert default_of(root) == Ref("pets")
    publish_tiny(root, "birds")
    assert_no_default(root, "birds, pets")
    assert default_of(root, default_model="birds@1") == Ref("birds", version=1)
    publish_tiny(root, "cifar10")
    assert default_of(root) == Ref("cifar10")


def default_of(root: Path, **changes: object) -> Ref:
    store, settings = Store(root), Settings(store=root, **changes)
    return Fleet(store, settings, LocalOpener(store, settings)).default


def assert_no_default(root: Path, found: str) -> None:
    with pytest.raises(NotReady) as caught:
        default_of(root)
    assert str(caught.value).endswith(f": {found}")
    assert str(root) not in str(caught.value)


async def test_ready_means_that_the_default_was_proved(fleet: Fleet) -> None:
    assert not await fleet.ready(), "it asks for the opening and does not wait for it"
    await fleet.lease(TINY)
    assert await fleet.ready()


async def test_it_stays_ready_while_another_version_opens_and_when_that_one_is_refused(
    fleet: Fleet, store: Store
) -> None:
    publish_tiny(store.location, "other")
    spoil(store.bundle("other", 1))
    await fleet.lease(TINY)
    opening = asyncio.create_task(fleet.lease(Ref("other")))
    await asyncio.sleep(0)
    assert await fleet.ready()
    with pytest.raises(ChecksumMismatch):
        await opening
    assert await fleet.ready()


async def test_it_is_not_ready_when_the_default_is_refused_until_a_later_try(
    fleet: Fleet, store: Store, clock: Clock
) -> None:
    put_back = spoil(store.bundle("tiny", 1))
    with pytest.raises(ChecksumMismatch):
        await fleet.lease(TINY)
    assert not await fleet.ready()
    put_back()
    clock.now += 31
    assert not await fleet.ready()
    await fleet.lease(TINY)
    assert await fleet.ready()


async def test_closing_ends_every_engine_those_still_opening_too(store: Store) -> None:
    publish_tiny(store.location, "other")
    publish_tiny(store.location, "bad")
    spoil(store.bundle("bad", 1))
    settings = Settings(store=store.location, threads=1)
    fleet = Fleet(store, settings, LocalOpener(store, settings))
    opened = await fleet.lease(TINY)
    opening = [asyncio.create_task(fleet.lease(Ref(name))) for name in ("bad", "other")]
    await asyncio.sleep(0)
    await fleet.close()
    results = await asyncio.gather(*opening, return_exceptions=True)
    assert not await opened.engine.healthy()
    assert isinstance(results[0], ChecksumMismatch)
    assert not await results[1].engine.healthy()
