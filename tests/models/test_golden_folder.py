"""What a folder of golden images must be, and what its SOURCES.toml says."""

from pathlib import Path

import pytest

from models.errors import GoldenUnusable
from models.golden import GoldenImage
from models.golden_folder import read_golden

IMAGES = [GoldenImage("a.png", b"1", 'a "quoted" origin'), GoldenImage("b.jpg", b"2", "made here")]
SOURCES = "[images]\n\"b.jpg\" = 'made here'\n'a.png' = 'a \"quoted\" origin'\n"


def write(folder: Path) -> None:
    for image in IMAGES:
        (folder / image.name).write_bytes(image.data)
    (folder / "SOURCES.toml").write_text(SOURCES)


def test_documents_beside_the_images_do_not_count(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "README.md").write_text("# About")
    (tmp_path / ".hidden").write_text("x")
    assert read_golden(tmp_path) == IMAGES


def test_without_sources_nothing_is_claimed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    assert read_golden(tmp_path)[0].source == "origin and licence not stated"


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ("[images]\n'gone.png' = 'CC0'\n", r"names gone\.png, which is not there"),
        ("[pictures]\n", "a table"),
        ("= =", "a table"),
        ("images = 3", "a table"),
        ("[images]\n'a.png' = 3\n", r"gives no text for 'a\.png'"),
        ("[images]\na.png = 'CC0'\n", "gives no text for 'a': .* both in quotes"),
    ],
)
def test_sources_that_say_nothing_true_are_refused(tmp_path: Path, sources: str, reason: str) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    (tmp_path / "SOURCES.toml").write_text(sources)
    with pytest.raises(GoldenUnusable, match=reason):
        read_golden(tmp_path)


def test_a_name_that_no_bundle_takes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my cat.png").write_bytes(b"1")
    with pytest.raises(GoldenUnusable, match=r"rename 'my cat\.png'"):
        read_golden(tmp_path)


def test_what_is_too_large_is_named(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(10_000_001))
    with pytest.raises(GoldenUnusable, match=r"large\.png has 10,000,001 bytes; at most 10,000,000 are accepted"):
        read_golden(tmp_path)


def test_more_images_than_a_bundle_takes_are_refused(tmp_path: Path) -> None:
    for number in range(1001):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(GoldenUnusable, match="has 1,001 files; at most 1,000 golden images"):
        read_golden(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GoldenUnusable, match="has no images"):
        read_golden(tmp_path)
    with pytest.raises(GoldenUnusable, match="is not a folder of golden images"):
        read_golden(tmp_path / "nowhere")
