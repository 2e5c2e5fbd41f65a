"""Where stores are, by what people write, and where is kept what comes from them."""

from pathlib import Path

import pytest

from models import locations
from models.errors import InvalidLocation, StoreUnavailable
from models.locations import default_root, default_store_cache, is_replaceable, parse_location, user_cache
from models.store import Store


@pytest.mark.parametrize("folder", ["models", "/srv/models", "./s3", "a:b", "", "s3:/bucket"])
def test_what_is_no_url_is_a_folder(folder: str) -> None:
    assert parse_location(folder) == Path(folder)
    assert parse_location(Path(folder)) == Path(folder)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://b/models/", "s3://b/models"),
        ("gs://b/p", "gs://b/p"),
        ("memory://m", "memory://m"),
    ],
)
def test_a_url_stays_one(written: str, means: str) -> None:
    assert parse_location(written) == means


@pytest.mark.parametrize(
    "written",
    [
        "http://host/store",
        "ftp://x/y",
        "s3://",
        "s3:///",
        "s3://b/../c",
        "S3://b",
        "file:///srv",
        "s3://b/x*",
        "s3://b/x?versionId=1",
    ],
)
def test_urls_that_no_store_can_be_at_are_named(written: str) -> None:
    with pytest.raises(InvalidLocation, match="s3://bucket/prefix, gs://bucket/prefix"):
        parse_location(written)


def test_a_package_that_is_missing_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locations, "find_spec", lambda _: None)
    with pytest.raises(StoreUnavailable, match=r"s3://b needs s3fs: pip install 'whatsit\[s3\]'"):
        Store("s3://b")


def test_the_shipped_store_is_beside_the_code() -> None:
    assert default_root().parts[-2:] == ("models", "store")


def test_a_store_in_an_installed_copy_is_replaceable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_replaceable(default_root())  # of a checkout
    monkeypatch.setattr(locations, "__file__", str(tmp_path / "site-packages" / "models" / "locations.py"))
    assert is_replaceable(tmp_path / "site-packages" / "models" / "store")
    assert not is_replaceable(tmp_path / "mine")
    assert not is_replaceable("s3://bucket")


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WHATSIT_CACHE", "WHATSIT_STORE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert user_cache() == Path("/x/whatsit")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/h")
    assert user_cache() == Path("/home/h/.cache/whatsit")
    assert default_store_cache() == Path("/home/h/.cache/whatsit/stores")
    monkeypatch.setenv("WHATSIT_CACHE", "/c")
    assert default_store_cache() == Path("/c/stores")
    monkeypatch.setenv("WHATSIT_STORE_CACHE", "/s")
    assert default_store_cache() == Path("/s")
