"""Folders of class folders: ``DIR/cat/1.jpg``, or ``DIR/train/cat/1.jpg`` beside ``val/`` and ``test/``."""

from pathlib import Path

from training.data.samples import Sample, Split
from training.errors import InvalidData

_SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


class FolderSource:
    """The files below ``root``; hidden files and folders do not count."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = root.resolve().name
        folders = _split_folders(root)
        self.labels = _labels(folders, root)
        self.samples = [
            Sample(str(path.relative_to(root)), index, split)
            for folder, split in folders
            for index, label in enumerate(self.labels)
            for path in _files(folder / label)
        ]
        if not self.samples:
            raise InvalidData(f"{root}: its class folders are empty")
        self._refuse_empty_classes()

    def read(self, index: int) -> bytes:
        """The bytes of one file."""
        return (self.root / self.samples[index].key).read_bytes()

    def _refuse_empty_classes(self) -> None:
        learnt = {sample.label for sample in self.samples if sample.split in {"train", None}}
        empty = [label for index, label in enumerate(self.labels) if index not in learnt]
        if learnt and empty:
            raise InvalidData(f"{self.root}: no images to learn from in the class {', '.join(empty)}")


def _split_folders(root: Path) -> list[tuple[Path, Split | None]]:
    """The folders of splits; ``root`` alone where there are none: a class may well be named 'test'."""
    folders = _folders(root)
    named = [(folder, _SPLIT_NAMES.get(folder.name.lower())) for folder in folders]
    found = [(folder, split) for folder, split in named if split is not None]
    splits = [split for _, split in found]
    if len(set(splits)) < len(splits):
        raise InvalidData(f"{root}: more than one of {', '.join(folder.name for folder in folders)} is the same split")
    if "train" in splits or (found and len(found) == len(folders)):
        return [(folder, split) for folder, split in found]
    return [(root, None)]


def _labels(folders: list[tuple[Path, Split | None]], root: Path) -> tuple[str, ...]:
    names = {split: [path.name for path in _folders(folder)] for folder, split in folders}
    labels = names.get("train") or next(iter(names.values()))
    if len(labels) < 2:
        found = f"only {labels[0]!r}" if labels else "none"
        raise InvalidData(f"{root}: expected two or more class folders with images in them, found {found}")
    for split, own in names.items():
        unknown = sorted(set(own) - set(labels))
        if unknown:
            raise InvalidData(f"{root}: the {split} split has classes that train/ does not: {', '.join(unknown)}")
    return tuple(labels)


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise InvalidData(f"{root} is not a folder")
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
