"""Aliases that move while images are answered: proved first, then swapped, then closed; refused ones change nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from models.aliases import move_alias, rollback, set_canary
from models.errors import AliasNotFound, ChecksumMismatch, ModelNotFound, VersionNotFound
from models.refs import Ref
from models.store import Store
from models.targets import Target
from service.inference.engine import Engine
from service.inference.fleet import Fleet
from service.inference.lease import Lease
from service.inference.opening import LocalOpener
from service.inference.pipeline import Timing
from service.inference.swaps import Swap
from service.settings import Settings
from tests.support.bundles import publish_tiny

TINY, WHO = Ref("tiny"), {"who": "tests", "why": "to see"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three versions, of which production names the first."""
    store = Store(tmp_path / "store")
    for _ in range(3):
        publish_tiny(store.location)
    move(store, 1)
    return store


@pytest.fixture
async def fleet(store: Store) -> AsyncIterator[Fleet]:
    async with asyncio.timeout(30):
        fleet = fleet_of(store)
        yield fleet
        await fleet.close()


def fleet_of(store: Store, **changes: object) -> Fleet:
    settings = Settings(store=store.location, default_model="tiny", threads=1, max_batch=1, **changes)
    fleet = Fleet(store, settings, LocalOpener(store, settings))
    fleet.seen = []  # type: ignore[attr-defined]
    fleet.swaps.told = fleet.seen.append  # type: ignore[attr-defined]
    return fleet


def swaps(fleet: Fleet) -> list[Swap]:
    found: list[Swap] = fleet.seen  # type: ignore[attr-defined]
    return found


def move(store: Store, version: int, alias: str = "production") -> None:
    move_alias(store, "tiny", alias, version, **WHO)


async def answered_by(fleet: Fleet, ref: Ref = TINY) -> int:
    with await fleet.lease(ref) as lease:
        assert lease.engine.manifest.version == lease.resolved.version
        return lease.resolved.version


async def until(fleet: Fleet, holds: Callable[[], bool]) -> None:
    """Look at the store until something holds."""
    while not holds():
        await fleet.look()
        await asyncio.sleep(0.01)


def spoil(store: Store, version: int) -> None:
    with (store.bundle("tiny", version) / "model.onnx").open("ab") as graph:
        graph.write(b"\0")


async def test_an_alias_that_moved_is_answered_by_its_new_version_once_that_is_open(fleet: Fleet, store: Store) -> None:
    assert await answered_by(fleet) == 1
    move(store, 2)
    assert await answered_by(fleet) == 1
    await fleet.look()
    assert await answered_by(fleet) == 1, "the other one is being opened"
    await until(fleet, lambda: fleet.find(TINY).target == Target(2))
    assert fleet.state("tiny", 2) == ("ready", None)
    assert await answered_by(fleet) == 2
    assert swaps(fleet) == [Swap("tiny", "production", "done")]


async def test_one_that_nobody_asked_for_is_not_opened(fleet: Fleet, store: Store) -> None:
    move(store, 1, "other")
    fleet.find(Ref("tiny", alias="other"))
    move(store, 2, "other")
    await until(fleet, lambda: fleet.find(Ref("tiny", alias="other")).target == Target(2))
    assert fleet.state("tiny", 2) == ("available", None)


async def test_a_version_that_fails_its_proof_is_refused_and_the_old_one_goes_on(
    fleet: Fleet, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    assert await answered_by(fleet) == 1
    spoil(store, 2)
    move(store, 2)
    await until(fleet, lambda: swaps(fleet) != [])
    for _ in range(5):
        await fleet.look()
        await asyncio.sleep(0.01)
    assert swaps(fleet) == [Swap("tiny", "production", "refused")], "told once for each try"
    assert fleet.state("tiny", 2)[0] == "failed"
    assert await answered_by(fleet) == 1
    assert {record.getMessage() for record in caplog.records} >= {"version refused", "swap refused"}
    move(store, 3)
    await until(fleet, lambda: fleet.find(TINY).target == Target(3))


async def test_a_name_without_production_follows_the_newest(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    publish_tiny(store.location)
    fleet = fleet_of(store)
    assert await answered_by(fleet) == 1
    publish_tiny(store.location)
    await until(fleet, lambda: fleet.find(TINY).target == Target(2))
    await fleet.close()


async def test_who_holds_the_old_version_is_waited_for(store: Store) -> None:
    fleet = fleet_of(store, spare_versions=0)
    with await fleet.lease(TINY) as lease:
        move(store, 2)
        await until(fleet, lambda: fleet.find(TINY).target == Target(2))
        await fleet.look()
        assert await lease.engine.healthy()
        assert fleet.state("tiny", 1) == ("ready", None)
    assert fleet.state("tiny", 1) == ("available", None)
    await fleet.close()
    assert not await lease.engine.healthy()


async def test_one_that_is_asked_for_again_before_it_is_closed_stays(store: Store) -> None:
    fleet, first = fleet_of(store, spare_versions=0), Ref("tiny", version=1)
    with await fleet.lease(first) as lease:
        move(store, 2)
        await until(fleet, lambda: fleet.find(TINY).target == Target(2))
        await fleet.look()
        with await fleet.lease(first) as again:
            assert again.engine is lease.engine
    assert await lease.engine.healthy()
    await fleet.close()


async def test_the_last_versions_stay_open_for_a_way_back(store: Store) -> None:
    fleet = fleet_of(store, spare_versions=1)
    assert await answered_by(fleet) == 1
    move(store, 2)
    await until(fleet, lambda: fleet.find(TINY).target == Target(2))
    await fleet.look()
    assert [fleet.state("tiny", version)[0] for version in (1, 2)] == ["ready", "ready"]
    rollback(store, "tiny", **WHO)
    await until(fleet, lambda: fleet.find(TINY).target == Target(1))
    assert await answered_by(fleet, Ref("tiny", version=3)) == 3
    await fleet.look()
    assert [fleet.state("tiny", version)[0] for version in (1, 2, 3)] == ["ready", "available", "ready"]
    await fleet.close()


async def test_a_version_that_was_removed_is_closed(fleet: Fleet, store: Store) -> None:
    assert await answered_by(fleet, Ref("tiny", version=3)) == 3
    store.remove("tiny", 3, **WHO)
    await fleet.look()
    assert fleet.state("tiny", 3) == ("available", None)
    with pytest.raises(VersionNotFound):
        await fleet.lease(Ref("tiny", version=3))


async def test_a_model_that_is_gone_is_not_found_any_more(fleet: Fleet, store: Store) -> None:
    assert await answered_by(fleet) == 1
    (store.location / "tiny").rename(store.location / "gone")
    await fleet.look()
    with pytest.raises(ModelNotFound, match="the store has: gone"):
        fleet.find(TINY)


async def test_what_was_just_published_is_found_at_once(fleet: Fleet, store: Store) -> None:
    assert await answered_by(fleet) == 1
    with pytest.raises(AliasNotFound):
        fleet.find(Ref("tiny", alias="fresh"))
    publish_tiny(store.location, "another")
    await asyncio.sleep(0.06)
    assert await answered_by(fleet, Ref("another")) == 1


async def test_while_the_store_is_away_all_is_served_as_it_was(
    fleet: Fleet, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert await answered_by(fleet) == 1
    hidden = store.location.rename(store.location.with_name("hidden"))
    for _ in range(3):
        await fleet.look()
    assert fleet.store_away
    assert await answered_by(fleet) == 1
    hidden.rename(store.location)
    await fleet.look()
    assert not fleet.store_away
    told = [record.getMessage() for record in caplog.records]
    assert told == ["the store is away; all is served as it was", "the store is back"]


def clients(prefix: str = "client") -> list[Callable[[str], str]]:
    return [lambda header, number=number: f"{prefix} {number} {header}" for number in range(400)]  # type: ignore[misc]


def show(lease: Lease, *, works: bool) -> None:
    if works:
        lease.answered(Timing(0, 0, 0.001, 0.001))
    else:
        lease.failed()


async def shares(fleet: Fleet) -> dict[int, int]:
    found = [0, 0, 0, 0]
    for client in clients():
        with await fleet.lease(TINY, client) as lease:
            found[lease.resolved.version] += 1
    return dict(enumerate(found))


async def test_a_canary_answers_its_share_and_each_client_by_the_same_one(fleet: Fleet, store: Store) -> None:
    set_canary(store, "tiny", "production", 2, (80, 20), **WHO)
    first = await shares(fleet)
    assert first[1] + first[2] == 400
    assert 50 <= first[2] <= 110
    assert await shares(fleet) == first


async def test_the_default_is_answered_though_nobody_says_who_asks(fleet: Fleet, store: Store) -> None:
    set_canary(store, "tiny", "production", 2, (80, 20), **WHO)
    assert await answered_by(fleet) in {1, 2}


async def test_a_canary_that_fails_ends_by_itself_and_the_store_says_so(fleet: Fleet, store: Store) -> None:
    assert await answered_by(fleet) == 1
    set_canary(store, "tiny", "production", 2, (50, 50), **WHO)
    await until(fleet, lambda: fleet.find(TINY).target.canary == 2)
    for client in clients():
        with await fleet.lease(TINY, client) as lease:
            show(lease, works=lease.resolved.version == 1)
    await fleet.look()
    assert (await shares(fleet))[1] == 400
    assert store.targets("tiny") == {"production": Target(1)}
    last = store.history("tiny")[-1]
    assert (last.action, last.who) == ("end", "whatsit serve")
    assert "images failed" in last.why
    assert swaps(fleet)[-1] == Swap("tiny", "production", "returned")


async def test_one_that_ended_does_not_begin_again_while_the_store_cannot_be_told(fleet: Fleet, store: Store) -> None:
    set_canary(store, "tiny", "production", 2, (50, 50), **WHO)
    for client in clients():
        with await fleet.lease(TINY, client) as lease:
            show(lease, works=lease.resolved.version == 1)
    aliases = (store.location / "tiny" / "aliases.json").read_text()
    await fleet.look()
    (store.location / "tiny" / "aliases.json").write_text(aliases)  # as if it had never been told
    for _ in range(3):
        await fleet.look()
        await asyncio.sleep(0.01)
    assert (await shares(fleet))[1] == 400
    assert await answered_by(fleet, Ref("tiny", alias="production")) == 1, "however it is asked for"


async def test_a_store_that_cannot_be_written_to_is_told_later(
    fleet: Fleet, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_canary(store, "tiny", "production", 2, (50, 50), **WHO)
    for client in clients():
        with await fleet.lease(TINY, client) as lease:
            show(lease, works=lease.resolved.version == 1)

    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    with monkeypatch.context() as patch:
        patch.setattr(store.place, "change", refuse)
        patch.setattr(fleet.store.place, "change", refuse)
        await fleet.look()
    assert (await shares(fleet))[1] == 400
    assert store.targets("tiny")["production"].canary == 2
    await fleet.look()
    assert store.targets("tiny") == {"production": Target(1)}


async def test_a_bad_canary_ends_while_the_store_is_away(fleet: Fleet, store: Store) -> None:
    set_canary(store, "tiny", "production", 2, (50, 50), **WHO)
    for client in clients():
        with await fleet.lease(TINY, client) as lease:
            show(lease, works=lease.resolved.version == 1)
    store.location.rename(store.location.with_name("hidden"))
    await fleet.look()
    assert (await shares(fleet))[1] == 400


async def test_an_alias_of_a_version_that_is_not_there_yet_goes_on_as_it_was(fleet: Fleet, store: Store) -> None:
    assert await answered_by(fleet) == 1
    (store.location / "tiny" / "aliases.json").write_text('{"production": 9}')
    await fleet.look()
    assert await answered_by(fleet) == 1
    (store.location / "tiny" / "aliases.json").write_text("{")
    await fleet.look()
    assert await answered_by(fleet) == 1


async def test_a_disk_that_is_not_mounted_is_a_store_that_is_away(fleet: Fleet, store: Store) -> None:
    assert await answered_by(fleet) == 1
    hidden = store.location.rename(store.location.with_name("hidden"))
    store.location.mkdir()
    await fleet.look()
    assert fleet.store_away
    assert await answered_by(fleet) == 1
    store.location.rmdir()
    hidden.rename(store.location)
    await fleet.look()
    assert not fleet.store_away


async def test_a_canary_that_is_not_there_leaves_its_clients_to_the_incumbent(fleet: Fleet, store: Store) -> None:
    (store.location / "tiny" / "aliases.json").write_text('{"production": {"1": 1, "9": 99}}')
    assert (await shares(fleet))[1] == 400


async def test_a_process_that_starts_with_a_broken_version_goes_on_with_the_one_before(store: Store) -> None:
    for version in (2, 3):
        move(store, version)
        spoil(store, version)
    fleet = fleet_of(store)
    assert await answered_by(fleet) == 1
    assert await fleet.ready()
    assert swaps(fleet) == [Swap("tiny", "production", "refused")]
    move(store, 1)
    move(store, 2)
    (store.bundle("tiny", 2) / "model.onnx").write_bytes((store.bundle("tiny", 1) / "model.onnx").read_bytes())
    fleet.allow("tiny", 2)
    await until(fleet, lambda: fleet.find(TINY).target == Target(2))
    await fleet.close()


async def test_who_asks_for_a_broken_version_by_its_number_is_told(fleet: Fleet, store: Store) -> None:
    spoil(store, 1)
    with pytest.raises(ChecksumMismatch):
        await fleet.lease(Ref("tiny", version=1))
    with pytest.raises(ChecksumMismatch):
        await fleet.lease(TINY)


async def test_an_alias_that_goes_back_while_its_new_version_opens_stays(store: Store) -> None:
    fleet, may_open = fleet_of(store), asyncio.Event()
    open_here = fleet._engines._opener  # noqa: SLF001

    async def open_later(name: str, version: int) -> Engine:
        if version == 2:
            await may_open.wait()
        return await open_here(name, version)

    fleet._engines._opener = open_later  # type: ignore[assignment]  # noqa: SLF001
    assert await answered_by(fleet) == 1
    move(store, 2)
    await fleet.look()
    rollback(store, "tiny", **WHO)
    await fleet.look()
    may_open.set()
    await until(fleet, lambda: fleet.state("tiny", 2)[0] == "ready")
    assert await answered_by(fleet) == 1
    assert swaps(fleet) == []
    await fleet.close()


async def test_many_versions_that_are_asked_for_at_once_are_not_all_kept(store: Store) -> None:
    for _ in range(5):
        publish_tiny(store.location)
    fleet = fleet_of(store, spare_versions=1)
    await asyncio.gather(*(answered_by(fleet, Ref("tiny", version=version)) for version in range(1, 9)))
    assert await answered_by(fleet, Ref("tiny", version=8)) == 8
    opened = [version for version in range(1, 9) if fleet.state("tiny", version)[0] == "ready"]
    assert opened in ([1, 8], [8])
    await fleet.close()
