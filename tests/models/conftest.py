"""Places for stores: a folder, memory, and a bucket behind a server that speaks S3."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from models.bucket.cache import Cache
from models.locations import Location
from models.store import Store

Open = Callable[..., Store]


@pytest.fixture(params=["folder", "memory", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Where a store can be, with nothing there yet."""
    if request.param == "s3":
        url: str = request.getfixturevalue("s3_url")
        return url
    return tmp_path / "store" if request.param == "folder" else f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def open_at(tmp_path: Path) -> Open:
    """Opens a store, with the cache of this test where no other is given."""

    def at(location: Location, cache: Path | None = None, **options: bool) -> Store:
        return Store(location, cache=Cache(cache or tmp_path / "cache"), **options)

    return at


@pytest.fixture
def place(location: Location, open_at: Open) -> Store:
    """A store at each kind of place, with nothing in it yet."""
    return open_at(location)


@pytest.fixture
def bucket(s3_url: str, open_at: Open) -> Store:
    """A store in a bucket, with nothing in it yet."""
    return open_at(s3_url)
