import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.data.check.support import looked_at, write, write_splits
from tests.training.data.support import crops
from tests.training.support import tiny_recipe
from training.data import dataset
from training.data.check.facts import DataCheck
from training.data.check.inspect import check_dataset, inspect, tell
from training.data.dataset import load_dataset
from training.data.folder import FolderSource


def test_training_checks_what_it_has_read_and_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_splits(tmp_path / "data")
    (root / "train" / "a" / "notes.txt").write_text("no image")
    recipe = tiny_recipe(tmp_path, "input.height=48", "input.width=48")
    source = FolderSource(root)
    data = load_dataset(source, recipe)
    expected = inspect(source, recipe).check
    monkeypatch.setattr(FolderSource, "read", None)  # nothing is read twice
    assert check_dataset(data, recipe) == expected


def test_data_that_nothing_can_be_learnt_from_is_an_error_beside_what_else_is_wrong(tmp_path: Path) -> None:
    write(tmp_path / "data", {"a": crops(12), "b": crops(1, seed=1)})
    (tmp_path / "data" / "a" / "broken.png").write_bytes(b"no image")
    check = looked_at(tmp_path / "data").check
    assert check.has_errors
    assert [finding.kind for finding in check.findings] == ["nothing-to-learn", "unreadable"]
    assert "too few images to learn from in 'b' (1)" in check.findings[0].text
    assert (check.counts, check.drawn, check.per_class) == ({}, (), (12, 1))


def test_a_class_that_cannot_be_learnt_is_an_error_beside_what_else_is_wrong(tmp_path: Path) -> None:
    root = write_splits(tmp_path / "data")
    (root / "test" / "b").rename(root / "test" / "be")
    shutil.copy(root / "train/a/000.png", root / "train/a/copy.png")
    check = looked_at(root).check
    assert check.has_errors
    assert [finding.kind for finding in check.findings][::2] == ["nothing-to-learn", "copies"]
    assert (check.findings[0].images, check.counts["test"]) == (15, (15, 0))
    assert "be: rename it, if b is meant" in check.findings[0].text


def test_a_class_without_images_is_one_error(tmp_path: Path) -> None:
    root = write(tmp_path / "data", {"a": crops(12), "b": crops(12, seed=1), "c": []})
    errors = [finding.text for finding in looked_at(root).check.findings if finding.severity == "error"]
    assert errors == ["no images to learn from in the class c: add some, or take its folder away"]


def test_not_one_readable_image_is_an_error_too(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "x.png").write_bytes(b"x")
    check = looked_at(tmp_path / "data").check
    assert check.has_errors
    assert (check.widths, check.heights, check.formats, check.per_class) == (None, None, {}, (0, 0))


def test_the_worst_comes_first_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = crops(100)
    write(tmp_path / "data", {"a": images[:80], "b": [image.resize((150, 40)) for image in images[80:]]})
    check = looked_at(tmp_path / "data").check
    severities = [finding.severity for finding in check.findings]
    assert severities == sorted(severities, reverse=True)  # warning, note
    assert {"warning", "note"} == set(severities)
    capsys.readouterr()
    tell(check)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == severities.count("warning")
    assert all(line.startswith("warning: ") for line in said)


def test_the_manifest_gets_no_names_of_files(tmp_path: Path) -> None:
    root = write_splits(tmp_path / "data")
    (root / "train" / "a" / "secret.txt").write_text("no image")
    check = looked_at(root).check
    assert DataCheck.model_validate_json(check.model_dump_json()) == check
    summary = check.summary()
    assert "secret" not in json.dumps(summary)
    assert summary["findings"][0]["kind"] == "unreadable"
    assert DataCheck.model_validate(summary).counts == check.counts


def test_large_sets_are_checked_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_splits(tmp_path / "data")
    recipe = tiny_recipe(tmp_path)
    expected = inspect(FolderSource(root), recipe).check
    monkeypatch.setattr(dataset, "_IN_MEMORY_BYTES", 1000)
    found = inspect(FolderSource(root), recipe, tmp_path / "cache")
    assert isinstance(found.material.decoded.pixels, np.memmap)
    assert found.check == expected
