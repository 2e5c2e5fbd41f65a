from pathlib import Path

import pytest

from models.golden import GoldenImage
from models.golden_folder import read_golden
from training.golden import write_golden
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
