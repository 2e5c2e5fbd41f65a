import shutil
from pathlib import Path

import pytest

from tests.training.support import write_classes
from training.data.changes import visible_changes
from training.data.folder import FolderSource
from training.run import Run


@pytest.fixture
def data(drawings: Path, tmp_path: Path) -> Path:
    """A copy of what ``finished`` was trained on."""
    return shutil.copytree(drawings, tmp_path / "data")


def changes(run: Run, data: Path) -> list[str]:
    return list(visible_changes(run.splits(), FolderSource(data), run.recipe().input))


def test_the_same_data_has_not_changed(finished: Run, data: Path) -> None:
    assert changes(finished, data) == []


def test_other_classes_are_named(finished: Run, data: Path) -> None:
    for split in ("train", "test"):
        (data / split / "disc").rename(data / split / "ring")
    classes, images, *_ = changes(finished, data)
    assert classes == "the classes were across, disc, down and are across, down, ring"
    assert images == "50 images are gone and 50 are new"


def test_images_that_are_gone_or_new_are_counted(finished: Run, data: Path) -> None:
    (data / "train" / "disc" / "000.png").unlink()
    assert changes(finished, data) == ["1 images are gone and 0 are new"]
    write_classes(data / "train", 2, first=90)
    assert changes(finished, data) == ["1 images are gone and 6 are new"]


def test_copies_and_broken_files_that_the_run_knows_of_are_not_new(finished: Run, data: Path) -> None:
    first, second, *_ = finished.splits().keys["train"]
    keys = finished.splits().keys | {"train": finished.splits().keys["train"][2:]}
    known = {"keys": keys, "duplicates": {"train": 1, "validation": 0}, "unreadable": (first,)}
    before = finished.splits().model_copy(update=known)
    assert list(visible_changes(before, FolderSource(data), finished.recipe().input)) == []
    (data / second).unlink()
    assert list(visible_changes(before, FolderSource(data), finished.recipe().input)) == []


def test_other_images_of_the_same_names_are_seen(finished: Run, data: Path) -> None:
    for kind in ("across", "disc", "down"):
        for number in range(10):
            shutil.copy(data / "train" / kind / f"{number:03d}.png", data / "test" / kind / f"{1000 + number}.png")
    assert changes(finished, data) == ["images of the test split have other pixels than before"]
    (data / "test" / "across" / "1000.png").write_bytes(b"")
    assert len(changes(finished, data)) == 1
    before = finished.splits().model_copy(update={"test_images": ()})  # as runs were saved before
    assert list(visible_changes(before, FolderSource(data), finished.recipe().input)) == []
