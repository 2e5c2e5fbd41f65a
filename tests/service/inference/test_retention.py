"""Which engines stay open."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from models.refs import Ref
from models.targets import Found, Listing, Target
from service.inference.engine import Engine
from service.inference.engines import Berth, Key
from service.inference.retention import to_close
from service.settings import Settings

LISTINGS = {"tiny": Listing("tiny", (1, 2, 3, 4, 5, 6), {"production": Target(5, 6, (9, 1))})}


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def closing(loop: asyncio.AbstractEventLoop, *versions: int, memory: int = 10, **changes: object) -> list[int]:
    """Which of these open versions, asked for in this order, are closed."""
    berths = []
    for place, version in enumerate(versions):
        task = cast("asyncio.Task[Engine]", loop.create_future())
        berths.append(Berth(Key("tiny", version), task, float(place)))
        berths[-1].engine = cast(Engine, SimpleNamespace(memory=memory))
    served = {Ref("tiny", alias="gone"): Found(Target(1), "gone")}
    return [key.version for key in to_close(berths, LISTINGS, served, Settings(**changes))]


def test_what_aliases_name_and_what_is_served_stays(loop: asyncio.AbstractEventLoop) -> None:
    assert closing(loop, 5, 6, 1, spare_versions=0, engines_bytes=1) == []


def test_of_the_others_the_last_stay(loop: asyncio.AbstractEventLoop) -> None:
    assert closing(loop, 3, 5, 2, 4, spare_versions=2) == [3]
    assert closing(loop, 3, 5, 2, 4, spare_versions=0) == [3, 2, 4]


def test_what_was_removed_goes(loop: asyncio.AbstractEventLoop) -> None:
    assert closing(loop, 9, 2, spare_versions=5) == [9]


def test_the_budget_takes_as_many_as_it_must_the_oldest_first(loop: asyncio.AbstractEventLoop) -> None:
    assert closing(loop, 2, 5, 3, 4, spare_versions=5, engines_bytes=40) == []
    assert closing(loop, 2, 5, 3, 4, spare_versions=5, engines_bytes=29) == [2, 3]
    assert closing(loop, 2, 5, 3, 4, spare_versions=5, engines_bytes=1) == [2, 3, 4]
