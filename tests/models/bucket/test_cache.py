"""What is kept of buckets: whole, what it claims to be, fetched once, and no more than fits."""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from models.bucket.cache import Cache, Published
from models.errors import BundleError, ChecksumMismatch, InvalidManifest, StoreUnavailable
from tests.support.bundles import publish_tiny


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("source")
    publish_tiny(root)
    publish_tiny(root)
    return root / "tiny"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def published(source: Path, version: int = 1, signature: bytes | None = None) -> Published:
    digest = hashlib.sha256((source / str(version) / "manifest.json").read_bytes()).hexdigest()
    return Published("tiny", version, digest, signature)


def download(bundle: Path, *, times: list[int] | None = None) -> Callable[[Path], None]:
    def work(folder: Path) -> None:
        if times is not None:
            times.append(1)
            time.sleep(0.05)
        shutil.copytree(bundle, folder, dirs_exist_ok=True)

    return work


def refuse(_: Path) -> None:
    raise AssertionError("it is here")


def test_a_bundle_is_fetched_once_and_is_there_for_later_processes(cache: Cache, source: Path, tmp_path: Path) -> None:
    assert cache.bundle(published(source)) is None
    place = cache.fetch(published(source), download(source / "1"))
    assert place.parts[-2:] == ("tiny", "1")
    for one in (cache, Cache(tmp_path / "cache")):
        assert one.bundle(published(source)) == one.fetch(published(source), refuse) == place


def test_those_who_want_it_at_once_wait_for_one_who_fetches_it(source: Path, tmp_path: Path) -> None:
    times: list[int] = []
    threads = [
        threading.Thread(
            target=Cache(tmp_path / "cache").fetch, args=(published(source), download(source / "1", times=times))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert times == [1]


def spoil(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not what it was")


def drop(folder: Path) -> None:
    (folder / "golden/0.png").unlink()


def add(folder: Path) -> None:
    (folder / "more").write_text("more")


def exchange(folder: Path) -> None:
    (folder / "manifest.json").write_bytes((folder / "manifest.json").read_bytes() + b" ")


@pytest.mark.parametrize("harm", [spoil, drop, add, exchange])
def test_what_is_not_what_was_published_is_never_there(
    cache: Cache, source: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    def brings_harm(folder: Path) -> None:
        download(source / "1")(folder)
        harm(folder)

    with pytest.raises(BundleError):
        cache.fetch(published(source), brings_harm)
    assert cache.bundle(published(source)) is None
    place = cache.fetch(published(source), download(source / "1"))
    harm(place)
    anew = Cache(tmp_path / "cache")
    assert anew.bundle(published(source)) is None
    assert anew.fetch(published(source), download(source / "1")) == place
    assert anew.bundle(published(source)) == place


def test_a_download_that_breaks_off_leaves_nothing(cache: Cache, source: Path, tmp_path: Path) -> None:
    def breaks_off(folder: Path) -> None:
        shutil.copy(source / "1/manifest.json", folder)
        raise StoreUnavailable("the network failed")

    with pytest.raises(StoreUnavailable):
        cache.fetch(published(source), breaks_off)
    assert cache.bundle(published(source)) is None
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["locks"]


def test_what_a_killed_process_left_goes_after_a_day(cache: Cache, tmp_path: Path) -> None:
    old, young = (tmp_path / "cache" / f".unfinished-{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, time.time() - 25 * 3600))
    with cache.workplace():
        pass
    assert not old.exists()
    assert young.exists()


def test_it_can_be_asked_for_anew(cache: Cache, source: Path) -> None:
    place = cache.fetch(published(source), download(source / "1"))
    times: list[int] = []
    assert cache.fetch(published(source), download(source / "1", times=times), anew=True) == place
    assert times == [1]
    with pytest.raises(ChecksumMismatch):
        cache.fetch(published(source), lambda folder: (download(source / "1")(folder), spoil(folder))[0], anew=True)
    assert cache.bundle(published(source)) == place


def test_another_signature_makes_another_bundle(cache: Cache, source: Path) -> None:
    signed = published(source, signature=b"1" * 64)
    with pytest.raises(ChecksumMismatch, match=r"manifest\.json\.sig is not what was published"):
        cache.fetch(signed, download(source / "1"))

    def sign(folder: Path) -> None:
        download(source / "1")(folder)
        (folder / "manifest.json.sig").write_bytes(b"1" * 64)

    assert cache.fetch(signed, sign) != cache.fetch(published(source), download(source / "1"))


def test_a_manifest_is_read_once_and_held_against_its_sha256(cache: Cache, source: Path) -> None:
    content = (source / "1/manifest.json").read_bytes()
    with pytest.raises(InvalidManifest, match="not what was published"):
        cache.manifest(published(source), lambda: content + b" ")
    assert cache.manifest(published(source), lambda: content) == content
    assert cache.manifest(published(source), lambda: b"") == content


def test_what_was_not_used_the_longest_makes_room(source: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", most_bytes=1)
    homes = [cache.fetch(published(source, version), download(source / str(version))).parents[1] for version in (1, 2)]
    assert all(home.is_dir() for home in homes)  # somebody may just be about to open the first
    for home in homes:
        os.utime(home, (0, time.time() - 3600))
    cache.fetch(published(source, 2), download(source / "2"), anew=True)
    assert not homes[0].exists()
    assert homes[1].is_dir()
    assert cache.bundle(published(source, 1)) is None


def test_a_cache_that_cannot_be_made_is_named(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be made: not a directory; name another folder in store_cache"):
        Cache(tmp_path / "file/cache").fetch(published(source), refuse)
