import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.support.images import encode, solid
from tests.training.data.check.support import findings, looked_at, write_splits
from tests.training.data.support import changed
from training.data.check.facts import Overlap


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_splits(tmp_path / "data")


def near_copy(root: Path, source: str, target: str, *, mirrored: bool = False) -> None:
    with Image.open(root / source) as image:
        copy = changed(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else image)
    (root / target).write_bytes(encode(copy, "PNG"))


def test_sound_data_has_no_copies(root: Path) -> None:
    inspection = looked_at(root)
    assert not inspection.check.findings
    assert not inspection.check.overlaps
    assert not len(inspection.copies.near)


def test_one_image_in_two_classes_is_a_contradiction(root: Path) -> None:
    shutil.copy(root / "train/a/003.png", root / "train/b/copy.png")
    (finding,) = findings(root, "contradiction")
    assert (finding.severity, finding.images) == ("warning", 2)
    assert finding.examples == ("train/a/003.png (a) = train/b/copy.png (b)",)


def test_nearly_one_image_in_two_classes_is_named_with_both(root: Path) -> None:
    near_copy(root, "train/a/003.png", "train/b/copy.png")
    (finding,) = findings(root, "near-contradiction")
    assert (finding.severity, finding.images) == ("warning", 2)
    assert finding.examples[0].startswith("train/a/003.png (a) ~ train/b/copy.png (b): ")


def test_a_mirrored_image_of_another_class_is_another_image(root: Path) -> None:
    near_copy(root, "train/a/003.png", "train/b/copy.png", mirrored=True)
    assert not looked_at(root).check.findings
    near_copy(root, "train/a/003.png", "train/a/copy.png", mirrored=True)
    (finding,) = findings(root, "near-copies")
    assert finding.examples[0].endswith(" mirrored")


def test_near_copies_in_the_test_split_are_leakage(root: Path) -> None:
    near_copy(root, "train/a/003.png", "test/a/one.png")
    near_copy(root, "train/a/003.png", "test/a/two.png", mirrored=True)
    near_copy(root, "val/b/001.png", "test/b/three.png")
    check = looked_at(root).check
    leaks = [finding for finding in check.findings if finding.kind == "leakage"]
    assert [(finding.severity, finding.images) for finding in leaks] == [("warning", 1), ("warning", 2)]
    assert "in the train split, of 2 of 33 images (6.1%) in the test split" in leaks[1].text
    assert leaks[1].text.endswith("take one of each two away")
    named = [set(example.partition(":")[0].split(" ~ ")) for example in leaks[1].examples]
    assert sorted(map(sorted, named)) == [[f"test/a/{copy}.png", "train/a/003.png"] for copy in ("one", "two")]
    near = {(overlap.split, overlap.other): overlap.near for overlap in check.overlaps}
    assert near == {
        ("test", "test"): 2,
        ("test", "train"): 2,
        ("train", "test"): 1,
        ("test", "validation"): 1,
        ("validation", "test"): 1,
    }


def test_where_splits_are_drawn_the_way_out_is_to_share_out_oneself(tmp_path: Path) -> None:
    root = write_splits(tmp_path / "data") / "train"
    for number in range(30):
        near_copy(root, f"a/{number:03d}.png", f"a/copy{number}.png")
    check = looked_at(root).check
    assert check.drawn == ("train", "validation", "test")
    leaks = [finding.text for finding in check.findings if finding.kind == "leakage"]
    assert leaks
    assert all("into folders train/, val/ and test/" in text for text in leaks)


def test_exact_copies_are_counted_where_they_are_and_where_they_were(root: Path) -> None:
    for name in ("train/a/copy.png", "train/a/again.png"):
        shutil.copy(root / "train/a/003.png", root / name)
    with Image.open(root / "test/b/000.png") as image:
        (root / "train/b/other.png").write_bytes(encode(image, "BMP"))
    check = looked_at(root).check
    assert check.overlaps == (
        Overlap(split="train", other="test", exact=1, near=0),
        Overlap(split="train", other="train", exact=2, near=0),
    )
    texts = {finding.kind: finding.text for finding in check.findings}
    assert texts["removed"].startswith("1 image left out of the train split")
    assert texts["copies"].startswith("3 images of the same pixels as an earlier one, 2 of the same bytes")
    assert check.counts["train"] == (32, 30)


def test_images_of_one_colour_are_named_and_no_copies_of_each_other(root: Path) -> None:
    for value in (10, 200):
        (root / f"train/a/{value}.png").write_bytes(encode(solid((value,) * 3, (48, 48)), "PNG"))
    assert not findings(root, "near-copies")
    (finding,) = findings(root, "plain")
    assert finding.examples == ("train/a/10.png", "train/a/200.png")


def test_no_more_than_ten_examples_are_named(root: Path) -> None:
    for number in range(15):
        shutil.copy(root / f"train/a/{number:03d}.png", root / f"train/a/copy{number}.png")
    (finding,) = findings(root, "copies")
    assert (finding.images, len(finding.examples)) == (15, 10)
