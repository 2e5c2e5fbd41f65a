from pathlib import Path

import pytest

from models.manifest import InputSpec
from tests.support.images import encode, photo
from tests.training.data.check.support import findings, looked_at, write, write_splits
from tests.training.data.support import crops
from training.data.check.facts import Span
from training.data.check.files import enlargement
from training.data.dataset import Original


@pytest.mark.parametrize(
    ("size", "resize", "fraction", "times"),
    [
        ((200, 100), "stretch", 1.0, 0.5),
        ((200, 25), "stretch", 1.0, 2.0),
        ((200, 25), "crop", 0.5, 4.0),
        ((200, 25), "pad", 1.0, 0.5),
        ((20, 25), "pad", 1.0, 2.0),
    ],
)
def test_enlargement_is_of_the_axis_that_suffers(
    size: tuple[int, int], resize: str, fraction: float, times: float
) -> None:
    spec = InputSpec(height=50, width=100, resize=resize, crop_fraction=fraction)  # type: ignore[arg-type]
    assert enlargement(Original("PNG", "RGB", *size, b""), spec) == times


def test_small_images_are_named_and_a_smaller_input_proposed_where_they_are_many(tmp_path: Path) -> None:
    root = write_splits(tmp_path / "data")
    (root / "train" / "a" / "almost.png").write_bytes(encode(photo(size=(47, 48)), "PNG"))
    (root / "train" / "a" / "tiny.png").write_bytes(encode(photo(size=(24, 30)), "PNG"))
    (finding,) = findings(root, "enlarged")
    assert (finding.images, finding.examples) == (1, ("train/a/tiny.png: 24 x 30",))
    assert "up to 2.0 times: see whether larger" in finding.text
    (finding,) = findings(root, "enlarged", "input.height=96", "input.width=96")
    assert finding.images == 122
    assert "--set input.width=48 --set input.height=48" in finding.text


def test_thin_images_are_named_with_what_the_recipe_does_to_them(tmp_path: Path) -> None:
    root = write_splits(tmp_path / "data")
    (root / "train" / "a" / "thin.png").write_bytes(encode(photo(size=(200, 50)), "PNG"))
    for resize, words in {"crop": "cut down to their middle", "stretch": "squeezed", "pad": "fill little"}.items():
        (finding,) = findings(root, "thin", f"input.resize={resize}")
        assert words in finding.text
        assert finding.examples == ("train/a/thin.png: 200 x 50",)


def test_colour_that_is_not_there_or_not_used_is_noted(tmp_path: Path) -> None:
    images = crops(60)
    grey = [image.convert("L") for image in images]
    write(tmp_path / "grey", {"a": grey[:30], "b": grey[30:]})
    write(tmp_path / "mixed", {"a": grey[:30], "b": images[30:]})
    assert "--set input.colour=grey" in findings(tmp_path / "grey", "colour")[0].text
    assert not findings(tmp_path / "grey", "colour", "input.colour=grey")
    assert not findings(tmp_path / "mixed", "colour")
    (finding,) = findings(tmp_path / "mixed", "colour", "input.colour=grey")
    assert "30 images of 60 may be in colour" in finding.text


def test_what_of_a_file_gives_its_class_away_is_a_warning(tmp_path: Path) -> None:
    images = crops(90)
    write(tmp_path / "data", {"a": images[:30], "b": [image.convert("L") for image in images[30:60]]})
    write(tmp_path / "data", {"c": images[60:]}, "JPEG")
    found = findings(tmp_path / "data", "shortcut")
    assert [finding.text.partition(":")[0] for finding in found] == [
        "100% of the images of 'c' have the format JPEG, but 0% of the others",
        "100% of the images of 'b' have the colour grey, but 0% of the others",
    ]
    assert {finding.severity for finding in found} == {"warning"}
    assert not findings(write_splits(tmp_path / "even"), "shortcut")


def test_formats_modes_and_sizes_are_counted(tmp_path: Path) -> None:
    images = crops(60)
    write(tmp_path / "data", {"a": images[:30]})
    write(tmp_path / "data", {"b": [image.resize((60, 40)) for image in images[30:]]}, "JPEG")
    check = looked_at(tmp_path / "data").check
    assert (check.formats, check.modes) == ({"PNG": 30, "JPEG": 30}, {"RGB": 60})
    assert check.widths == Span(least=48, median=54, largest=60)
    assert check.heights == Span(least=40, median=44, largest=48)
