"""The input store: keys name what is in it, and never leave it."""

import os
from pathlib import Path

import fsspec
import pytest

from models.errors import ImageTooLarge
from service.errors import InputMissing, JobsUnavailable, MalformedRequest
from service.jobs.inputs import InputStore, check_key


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "inputs"
    (root / "folder").mkdir(parents=True)
    (root / "folder" / "a.png").write_bytes(b"image")
    (root / "large").write_bytes(bytes(101))
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "inside").symlink_to(root / "folder" / "a.png")
    (root / "out").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    return root


BAD_KEYS: list[object] = [
    *[
        "",
        "/",
        "/etc/passwd",
        "../secret",
        "a/../../secret",
        "a/..",
        ".",
        "./a",
        "a//b",
        "a/",
        "..",
        "a\\..\\b",
        "C:\\a",
    ],
    *["file:///etc/passwd", "s3://bucket/key", "http://host/a", "zip://a::file:///b", "a::b", "a\nb", "a\x00", "\x7f"],
    *["x" * 1025, None, 1, ["a"], {"a": 1}],
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_what_could_lead_elsewhere_is_no_key(key: object) -> None:
    with pytest.raises(MalformedRequest):
        check_key(key)


@pytest.mark.parametrize("key", ["a", "a.jpg", "2026/11/naïve 猫.png", "...", "a..b", "~", "*", "a?b", "%2e%2e/a"])
def test_a_key_may_have_any_other_name(key: str) -> None:
    assert check_key(key) == key


def test_images_of_a_folder(root: Path) -> None:
    store = InputStore(str(root), 100)
    assert store.read("folder/a.png").read() == store.read("inside").read() == b"image"
    assert isinstance(store.read("large").error, ImageTooLarge)
    for key in ("nothing", "folder", "link", "out/secret", "pipe", "folder/a.png/b", "%2e%2e/secret"):
        assert isinstance(store.read(key).error, InputMissing), key


def test_images_of_an_object_store() -> None:
    files = fsspec.filesystem("memory")
    files.pipe({"/inputs/a.png": b"image", "/inputs/large": bytes(101), "/secret": b"secret", "/inputs/empty": b""})
    store = InputStore("memory://inputs", 100)
    assert store.read("a.png").read() == b"image"
    assert store.read("empty").read() == b""
    assert isinstance(store.read("large").error, ImageTooLarge)
    for key in ("nothing", "*.png", "a.pn?"):
        assert isinstance(store.read(key).error, InputMissing), key


def test_a_store_that_cannot_be_reached_is_no_fault_of_the_images() -> None:
    with pytest.raises(JobsUnavailable):
        InputStore("nonsense://a", 100).read("a")
