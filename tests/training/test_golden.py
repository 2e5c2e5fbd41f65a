from pathlib import Path

import pytest

from models.golden import GoldenImage
from training.errors import InvalidData
from training.golden import read_golden, write_golden
from training.run import Run

IMAGES = [GoldenImage("a.png", b"1", 'a "quoted" origin \\ CC0'), GoldenImage("b.jpg", b"2", "made here")]


def test_one_image_of_each_class_with_its_origin(finished: Run, drawings: Path) -> None:
    images = read_golden(finished.golden)
    assert [image.name for image in images] == ["000-across.png", "001-disc.png", "002-down.png"]
    for image in images:
        key, _, licence = image.source.removeprefix(f"{drawings.name}, ").partition("; ")
        assert licence == "made by the tests"
        assert (drawings / key).read_bytes() == image.data
        assert key.startswith("test/")


def test_images_come_back_with_their_sources(tmp_path: Path) -> None:
    write_golden(tmp_path / "golden", IMAGES)
    assert read_golden(tmp_path / "golden") == IMAGES


@pytest.mark.parametrize(
    "source", ["a \U0001f600 b", "\x7f", "".join(map(chr, range(0x100))), "\u2028\ufeff\U0010ffff"]
)
def test_a_source_may_be_any_text(tmp_path: Path, source: str) -> None:
    images = [GoldenImage("a.png", b"1", source)]
    write_golden(tmp_path / "golden", images)
    assert read_golden(tmp_path / "golden") == images


def test_documents_beside_the_images_do_not_count(tmp_path: Path) -> None:
    write_golden(tmp_path, IMAGES)
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
    with pytest.raises(InvalidData, match=reason):
        read_golden(tmp_path)


def test_a_name_that_no_bundle_takes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my cat.png").write_bytes(b"1")
    with pytest.raises(InvalidData, match=r"rename 'my cat\.png'"):
        read_golden(tmp_path)


def test_what_is_too_large_is_named(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(10_000_001))
    with pytest.raises(InvalidData, match=r"large\.png has 10,000,001 bytes; at most 10,000,000 are accepted"):
        read_golden(tmp_path)


def test_more_images_than_a_bundle_takes_are_refused(tmp_path: Path) -> None:
    for number in range(1001):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(InvalidData, match="has 1,001 files; at most 1,000 golden images"):
        read_golden(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="has no images"):
        read_golden(tmp_path)
    with pytest.raises(InvalidData, match="is not a folder of golden images"):
        read_golden(tmp_path / "nowhere")
