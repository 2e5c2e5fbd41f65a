import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.support import write_classes
from training.data.folder import FolderSource
from training.errors import InvalidData


def counts(source: FolderSource) -> dict[str | None, int]:
    splits = [sample.split for sample in source.samples]
    return {split: splits.count(split) for split in dict.fromkeys(splits)}


def test_class_folders_alone_have_no_split(tmp_path: Path) -> None:
    source = FolderSource(write_classes(tmp_path, 2))
    assert source.labels == ("across", "disc", "down")
    assert counts(source) == {None: 6}
    assert source.samples[2].key == "disc/000.png"
    assert source.read(2) == (tmp_path / "disc" / "000.png").read_bytes()


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("train", "test"), {"test": 3, "train": 3}),
        (("train", "val", "test"), {"test": 3, "train": 3, "validation": 3}),
        (("Training", "Valid"), {"train": 3, "validation": 3}),
        (("train",), {"train": 3}),
        (("test",), {"test": 3}),
    ],
)
def test_folders_of_splits_are_known_by_their_names(
    tmp_path: Path, folders: tuple[str, ...], splits: dict[str | None, int]
) -> None:
    for folder in folders:
        write_classes(tmp_path / folder, 1)
    assert counts(FolderSource(tmp_path)) == splits


def test_a_class_may_be_named_test(tmp_path: Path) -> None:
    write_classes(tmp_path, 1)
    (tmp_path / "disc").rename(tmp_path / "test")
    assert FolderSource(tmp_path).labels == ("across", "down", "test")


def test_a_class_may_be_named_train(tmp_path: Path) -> None:
    write_classes(tmp_path, 1)
    (tmp_path / "disc").rename(tmp_path / "train")
    assert FolderSource(tmp_path).labels == ("across", "down", "train")
    assert counts(FolderSource(tmp_path)) == {None: 3}


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_folder_beside_splits_is_named_and_not_ignored(tmp_path: Path, split: str) -> None:
    write_classes(tmp_path / split, 1)
    write_classes(tmp_path, 1, classes=["disc", "down"])
    with pytest.raises(InvalidData, match=f"{split} with class folders in it looks like a split, but disc, down"):
        FolderSource(tmp_path)


def test_a_split_without_classes_is_named_and_not_ignored(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 1)
    (write_classes(tmp_path, 1, classes=["disc"]) / "disc").rename(tmp_path / "test")
    with pytest.raises(InvalidData, match="the split test has no class folders in it"):
        FolderSource(tmp_path)


@pytest.mark.parametrize("name", [b"disc/caf\xe9.png", b"caf\xe9/1.png", b"disc/caf\xe9/1.png"])
def test_a_name_that_is_not_utf8_is_refused_before_anything_is_decoded(tmp_path: Path, name: bytes) -> None:
    write_classes(tmp_path, 1)
    path = Path(os.fsdecode(bytes(tmp_path) + b"/" + name))
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    with pytest.raises(InvalidData, match=r"caf\\xe9.* is not a name in UTF-8") as caught:
        FolderSource(tmp_path)
    str(caught.value).encode()


def test_files_deeper_down_count_and_hidden_ones_do_not(tmp_path: Path) -> None:
    write_classes(tmp_path, 1)
    write_classes(tmp_path / "disc", 1, classes=["down"])
    (tmp_path / "disc" / ".DS_Store").write_bytes(b"x")
    write_classes(tmp_path / ".cache", 1)
    write_classes(tmp_path / "disc" / ".git", 1, classes=["down"])
    write_classes(tmp_path / "__MACOSX", 1)
    assert [sample.key for sample in FolderSource(tmp_path).samples] == [
        "across/000.png",
        "disc/000.png",
        "disc/down/000.png",
        "down/000.png",
    ]


def test_one_class_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="two or more class folders with images in them, found only 'disc'"):
        FolderSource(write_classes(tmp_path, 1, classes=["disc"]))


def test_a_flat_folder_of_images_says_what_is_expected(tmp_path: Path) -> None:
    write_classes(tmp_path, 1)
    with pytest.raises(InvalidData, match="two or more class folders"):
        FolderSource(tmp_path / "disc")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    write_classes(tmp_path, 1)
    with pytest.raises(InvalidData, match="is not a folder"):
        FolderSource(tmp_path / "disc" / "000.png")


def test_a_class_without_images_to_learn_from_is_a_fault(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 1)
    write_classes(tmp_path / "test", 1, classes=["disc"])
    (tmp_path / "train" / "nothing").mkdir()
    (fault,) = FolderSource(tmp_path).faults
    assert (fault.text.partition(":")[0], fault.files) == ("no images to learn from in the class nothing", 0)


def test_nothing_but_empty_classes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(InvalidData, match="its class folders are empty"):
        FolderSource(tmp_path)


def test_a_class_of_the_test_split_alone_is_a_fault_that_names_the_likely_one(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 1, classes=["disc", "down"])
    write_classes(tmp_path / "test", 2)
    (tmp_path / "test" / "disc").rename(tmp_path / "test" / "dics")
    source = FolderSource(tmp_path)
    assert source.labels == ("disc", "down")
    assert counts(source) == {"train": 2, "test": 2}
    told = "test/ has a class that is not among those to learn"
    assert [(fault.text, fault.files) for fault in source.faults] == [
        (f"{told}, across: take it away", 2),
        (f"{told}, dics: rename it, if disc is meant, or take it away", 2),
    ]


def test_two_folders_of_one_split_are_refused(tmp_path: Path) -> None:
    for folder in ("train", "val", "valid"):
        write_classes(tmp_path / folder, 1)
    with pytest.raises(InvalidData, match="more than one of train, val, valid"):
        FolderSource(tmp_path)


def test_links_to_folders_are_looked_into_once(tmp_path: Path) -> None:
    root, elsewhere = write_classes(tmp_path / "data", 2), write_classes(tmp_path / "more", 3, first=5)
    (root / "disc" / "more").symlink_to(elsewhere / "disc")
    (root / "disc" / "round").symlink_to(root / "disc")
    keys = [sample.key for sample in FolderSource(root).samples if sample.label == 1]
    assert keys == ["disc/000.png", "disc/001.png", *(f"disc/more/{seed:03d}.png" for seed in range(5, 8))]


def test_what_cannot_be_looked_into_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_classes(tmp_path, 2)
    (tmp_path / "disc" / "closed").mkdir()
    look = os.scandir

    def closed(path: str) -> Iterator[os.DirEntry[str]]:  # root, who may run the tests, is never refused
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(InvalidData, match=r"closed cannot be looked into \(Permission denied\)"):
        FolderSource(tmp_path)
