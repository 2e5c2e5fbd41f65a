import shutil
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from models.manifest import InputSpec
from models.preprocess import load_pixels
from tests.training.support import SIZE, tiny_recipe, write_classes
from training.data import dataset
from training.data.dataset import decode, load_dataset
from training.data.folder import FolderSource
from training.errors import InvalidData


def test_pixels_are_what_the_service_would_see(tmp_path: Path, drawings: Path) -> None:
    source = FolderSource(drawings)
    data = load_dataset(source, tiny_recipe(tmp_path), tmp_path)
    spec = InputSpec(height=SIZE, width=SIZE)
    for row in (0, 57, 149):
        assert (data.pixels[row] == load_pixels(source.read(row), spec)).all()
    assert (data.count("train"), data.count("validation"), data.count("test")) == (108, 12, 30)
    assert data.targets.tolist() == [sample.label for sample in source.samples]
    assert data.record.keys["test"][0] == "test/across/1000.png"
    assert data.record.test_images[0] == sha256(load_pixels(source.read(0), spec).tobytes()).hexdigest()


def test_large_sets_are_kept_in_a_file(tmp_path: Path, drawings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, source = tiny_recipe(tmp_path), FolderSource(drawings)
    in_memory = load_dataset(source, recipe, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(dataset, "_IN_MEMORY_BYTES", 1000)
    on_disk = load_dataset(source, recipe, tmp_path / "cache")
    assert isinstance(on_disk.pixels, np.memmap)
    assert (on_disk.pixels == in_memory.pixels).all()
    assert on_disk.record == in_memory.record


def test_a_disk_too_small_for_a_large_set_is_told_before_it_is_filled(
    tmp_path: Path, drawings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "_IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000))
    with pytest.raises(OSError, match=rf"take 0\.1 GB, and 0\.0 GB are free: '{tmp_path}'"):
        load_dataset(FolderSource(drawings), tiny_recipe(tmp_path, "input.height=500", "input.width=500"), tmp_path)
    assert not list(tmp_path.glob("*.npy"))


def test_unreadable_files_are_named_counted_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_classes(tmp_path / "data", 12)
    (tmp_path / "data" / "disc" / "000.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tmp_path / "data" / "down" / "notes.txt").write_text("not an image")
    data = load_dataset(FolderSource(tmp_path / "data"), tiny_recipe(tmp_path))
    assert data.record.unreadable == ("disc/000.png", "down/notes.txt")
    assert data.record.summary()["unreadable"] == 2
    said = capsys.readouterr().err
    assert "skipped disc/000.png: the PNG" in said
    assert "skipped down/notes.txt: the content is not a JPEG" in said
    assert sum(data.count(split) for split in ("train", "validation", "test")) == 35


def test_of_many_unreadable_files_ten_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_classes(tmp_path, 2)
    for number in range(14):
        (tmp_path / "disc" / f"{number}.txt").write_text("x")
    decoded = decode(FolderSource(tmp_path), range(20), InputSpec(height=8, width=8))
    assert len(decoded.unreadable) == 14
    said = capsys.readouterr().err
    assert said.count(".txt") == 10
    assert "skipped 4 more" in said


def test_duplicates_are_found_by_pixels_whatever_the_files_are_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(tmp_path / "data" / "train", 12)
    write_classes(tmp_path / "data" / "test", 3, first=100)
    shutil.copy(tmp_path / "data/test/disc/100.png", tmp_path / "data/train/disc/copy.png")
    data = load_dataset(FolderSource(tmp_path / "data"), tiny_recipe(tmp_path))
    assert data.record.duplicates == {"validation": 0, "train": 1}
    assert "train/disc/copy.png" not in data.record.keys["train"]
    assert "removed 1 images from the train split" in capsys.readouterr().err


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    write_classes(tmp_path / "data", 12)
    recipe = tiny_recipe(tmp_path)
    before = load_dataset(FolderSource(tmp_path / "data"), recipe).record
    assert load_dataset(FolderSource(tmp_path / "data"), recipe).record == before
    shutil.copy(tmp_path / "data/disc/001.png", tmp_path / "data/disc/000.png")
    assert load_dataset(FolderSource(tmp_path / "data"), recipe).record.fingerprint != before.fingerprint


@pytest.mark.parametrize("count", [1, 2])
def test_a_class_of_hardly_any_images_is_named(tmp_path: Path, count: int) -> None:
    write_classes(tmp_path, 6, classes=["across", "down"])
    write_classes(tmp_path, count, classes=["disc"])
    shutil.copy(tmp_path / "disc/000.png", tmp_path / "disc/again.png")
    with pytest.raises(InvalidData, match=rf"too few images to learn from in 'disc' \({count}\): 3 that differ"):
        load_dataset(FolderSource(tmp_path), tiny_recipe(tmp_path))


def test_one_image_a_class_is_enough_where_the_other_splits_are_given(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "val", "test")):
        write_classes(tmp_path / "data" / split, 1, first=number)
    assert load_dataset(FolderSource(tmp_path / "data"), tiny_recipe(tmp_path)).count("train") == 3


@pytest.mark.parametrize("others", [9, 10])
def test_a_folder_of_other_things_is_refused(tmp_path: Path, others: int) -> None:
    write_classes(tmp_path / "data", 3)
    for number in range(others):
        (tmp_path / "data" / "disc" / f"{number}.py").write_text("import this")
    recipe, source = tiny_recipe(tmp_path), FolderSource(tmp_path / "data")
    if others == 9:
        assert len(load_dataset(source, recipe).decoded.unreadable) == 9
        return
    with pytest.raises(InvalidData, match="10 of 19 files in data cannot be read as images: give the folder that has"):
        load_dataset(source, recipe)


def test_files_that_cannot_be_read_at_all_leave_nothing(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "x.png").write_bytes(b"x")
    with pytest.raises(InvalidData, match="2 of 2 files in data cannot be read as images"):
        load_dataset(FolderSource(tmp_path / "data"), tiny_recipe(tmp_path))
