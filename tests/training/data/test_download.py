import hashlib
import io
import os
import tarfile
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import pytest

from tests.training.together import together
from training.data.download import REMOTES, Remote, fetch
from training.errors import DownloadFailed


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def archive(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def kept(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir() if path.is_dir()]


def test_a_file_is_fetched_once_and_kept(site: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = site
    (folder / "x.gz").write_bytes(b"content")
    remotes = (Remote(f"{address}/x.gz", sha256(b"content")),)
    assert (fetch("set", remotes) / "x.gz").read_bytes() == b"content"
    (folder / "x.gz").unlink()
    assert fetch("set", remotes) == tmp_path / "cache" / "set"


def fetch_in(cache: Path, url: str, digest: str) -> tuple[bytes, str]:
    """What was fetched, and what was said."""
    os.environ["WHATSIT_CACHE"] = str(cache)
    with redirect_stderr(StringIO()) as told:
        return (fetch("set", (Remote(url, digest),)) / "x.gz").read_bytes(), told.getvalue()


def test_of_several_processes_one_downloads(site: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = site
    content = b"content" * (1 << 18)
    (folder / "x.gz").write_bytes(content)
    found = together(fetch_in, tmp_path / "cache", f"{address}/x.gz", sha256(content), processes=3)
    assert [data == content for data, _ in found] == [True] * 3
    assert sum(told.count("downloading") for _, told in found) == 1
    assert kept(tmp_path / "cache") == ["set"]


def test_an_archive_is_unpacked(site: tuple[str, Path]) -> None:
    address, folder = site
    data = archive("inner/a.bin", b"abc")
    (folder / "x.tar.gz").write_bytes(data)
    found = fetch("set", (Remote(f"{address}/x.tar.gz", sha256(data)),))
    assert [path.name for path in found.iterdir()] == ["inner"]
    assert (found / "inner" / "a.bin").read_bytes() == b"abc"


def test_a_wrong_checksum_leaves_nothing(site: tuple[str, Path], tmp_path: Path) -> None:
    address, folder = site
    (folder / "x.gz").write_bytes(b"damaged")
    with pytest.raises(DownloadFailed, match=f"came with the sha256 {sha256(b'damaged')}, expected 00"):
        fetch("set", (Remote(f"{address}/x.gz", "00"),))
    assert kept(tmp_path / "cache") == []


def test_without_a_network_the_address_and_the_way_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSIT_CACHE", str(tmp_path))
    with pytest.raises(DownloadFailed, match=r"http://127\.0\.0\.1:9/x\.gz cannot be downloaded .*--data DIR"):
        fetch("set", (Remote("http://127.0.0.1:9/x.gz", "00"),))
    assert kept(tmp_path) == []


def test_a_page_that_is_not_there_is_no_data(site: tuple[str, Path]) -> None:
    with pytest.raises(DownloadFailed, match="404"):
        fetch("set", (Remote(f"{site[0]}/nothing.gz", "00"),))


def test_every_download_has_a_whole_checksum() -> None:
    for remotes in REMOTES.values():
        for remote in remotes:
            assert len(remote.sha256) == 64
            assert remote.url.startswith("http")
