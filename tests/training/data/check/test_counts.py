from pathlib import Path

from tests.training.data.check.support import findings, looked_at, write, write_splits
from tests.training.data.support import crops


def test_unreadable_files_are_named_with_the_reason(tmp_path: Path) -> None:
    root = write_splits(tmp_path / "data")
    (root / "train" / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (root / "test" / "b" / "notes.txt").write_text("no image")
    check = looked_at(root).check
    (finding,) = [entry for entry in check.findings if entry.kind == "unreadable"]
    assert (finding.severity, finding.images, check.unreadable, check.images) == ("warning", 2, 2, 122)
    assert "2 of 122 files cannot be read" in finding.text
    assert finding.examples[0].startswith("test/b/notes.txt: the content is not a JPEG")
    assert finding.examples[1].startswith("train/a/broken.png: the PNG")
    assert (check.per_class, check.counts["train"]) == ((60, 60), (30, 30))


def test_classes_of_few_images_are_named_with_their_number(tmp_path: Path) -> None:
    images = crops(70)
    root = write(tmp_path / "data", {"train/a": images[:30], "train/b": images[30:42], "test/a": images[42:57]})
    few = findings(root, "few", "data.validation=0.2")
    assert [(finding.severity, finding.examples) for finding in few] == [
        ("warning", ("b: 10",)),
        ("warning", ("b: 0",)),
        ("note", ("b: 2",)),
    ]
    assert few[0].text.startswith("1 class has fewer than 20 images to learn from")


def test_too_few_images_for_validation_are_told_with_what_would_be_enough(tmp_path: Path) -> None:
    images = crops(160)
    root = write(tmp_path / "data", {"a": images[:80], "b": images[80:]})
    (finding,) = findings(root, "unproved", "decision.accuracy=0.95")
    assert (finding.severity, finding.images) == ("warning", 14)  # 12 of each go to the test
    assert "14 images for validation cannot prove answers right in 95 % of the cases" in finding.text
    assert "it takes 59, all of them right" in finding.text
    assert "or hold out 62 of these with --set data.validation=0.45" in finding.text
    check = looked_at(root, "decision.accuracy=0.95", "data.validation=0.45").check
    assert sum(check.counts["validation"]) == 62
    assert "unproved" not in {finding.kind for finding in check.findings}


def test_images_that_are_too_few_however_they_are_split_must_become_more(tmp_path: Path) -> None:
    root = write_splits(tmp_path / "data")
    (finding,) = findings(root, "unproved", "decision.accuracy=0.95")
    assert finding.text.endswith("some hundreds: put more into val/")
    for label in "ab":
        (root / "val" / label).rename(tmp_path / label)
    (root / "val").rmdir()
    (finding,) = findings(root, "unproved", "decision.accuracy=0.95")
    assert finding.text.endswith("some hundreds: collect more")


def test_imbalance_is_a_warning_unless_the_recipe_evens_it_out(tmp_path: Path) -> None:
    images = crops(120)
    root = write(tmp_path / "data", {"large": images[:90], "small": images[90:114]})
    (finding,) = findings(root, "imbalance")
    assert (finding.severity, finding.images) == ("warning", 86)
    assert "'large' has 3.8 times as many training images as 'small'" in finding.text
    assert "--set fit.balance=weights" in finding.text
    (finding,) = findings(root, "imbalance", "fit.balance=sampling")
    assert finding.severity == "note"
    assert "fit.balance = 'sampling' evens them out" in finding.text


def test_nothing_is_said_of_enough_images_in_classes_of_equal_size(tmp_path: Path) -> None:
    root = write_splits(tmp_path / "data")
    for kind in ("unreadable", "few", "imbalance"):
        assert not findings(root, kind)
