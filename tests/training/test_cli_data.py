import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.training.data.check.support import write, write_splits
from tests.training.data.support import crops
from tests.training.support import write_cifar10
from tests.training.test_cli import invoke
from training.errors import InvalidData


def test_findings_are_printed_as_a_table_and_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    root = write_splits(tmp_path / "[data]")
    shutil.copy(root / "train/a/000.png", root / "train/b/[copy].png")
    code, out = invoke("data", "check", root)
    assert code == 0
    assert "[data]: 121 images, 2 classes" in out
    assert "warning 2 images of the same pixels in two classes: decide which is right" in out
    assert "train/a/000.png (a) = train/b/[copy].png (b)" in out


def test_json_has_everything_and_the_files_are_written(tmp_path: Path) -> None:
    root = write_splits(tmp_path / "data")
    shutil.copy(root / "train/a/000.png", root / "train/a/copy.png")
    sheet, copies = tmp_path / "sheet.jpg", tmp_path / "copies.csv"
    code, out = invoke("data", "check", root, "--json", "--sheet", sheet, "--copies", copies)
    facts = json.loads(out)
    assert (code, facts["images"], facts["labels"], facts["per_class"]) == (0, 121, ["a", "b"], [61, 60])
    assert "copies" in {finding["kind"] for finding in facts["findings"]}
    with Image.open(sheet) as image:
        assert image.format == "JPEG"
    with copies.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {
        "first": "train/a/000.png",
        "second": "train/a/copy.png",
        "same_pixels": "True",
        "alike": "1.0000",
        "mirrored": "False",
        "label": "a",
        "other_label": "a",
        "split": "train",
        "other_split": "train",
    }


def test_data_that_nothing_can_be_learnt_from_fails(tmp_path: Path) -> None:
    write(tmp_path / "data", {"a": crops(12), "b": crops(1, seed=1)})
    code, out = invoke("data", "check", tmp_path / "data")
    assert code == 1
    assert "error too few images to learn from in 'b' (1)" in " ".join(out.split())
    with pytest.raises(InvalidData, match="is not a folder"):
        invoke("data", "check", tmp_path / "nowhere")


def test_an_empty_class_is_found_with_what_else_there_is_to_say(tmp_path: Path) -> None:
    root = write(tmp_path / "data", {"a": crops(12), "b": crops(12, seed=1), "c": [], "__MACOSX": []})
    code, out = invoke("data", "check", root, "--sheet", tmp_path / "sheet.jpg", "--copies", tmp_path / "copies.csv")
    assert code == 1
    assert "data: 24 images, 3 classes" in " ".join(out.split())
    assert "error no images to learn from in the class c: add some" in out


def test_cifar10_is_seen_from_its_files(tmp_path: Path) -> None:
    write_cifar10(tmp_path, rows=20)
    code, out = invoke("data", "check", tmp_path, "--json")
    facts = json.loads(out)
    assert (code, facts["source"], facts["images"], facts["drawn"]) == (0, "CIFAR-10", 120, ["validation"])
    assert invoke("data", "check", tmp_path, "--kind", "other")[0] == 2


def test_help_has_an_example() -> None:
    code, out = invoke("data", "check", "--help")
    assert code == 0
    assert "Example: whatsit data check " in " ".join(out.split())
