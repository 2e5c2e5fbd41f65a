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
        self._refuse_empty_classes()

    def read(self, index: int) -> bytes:
        """The bytes of one file."""
        return (self.root / self.samples[index].key).read_bytes()

    def _refuse_empty_classes(self) -> None:
        used = {sample.label for sample in self.samples if sample.split in {"train", None}}
        empty = [label for index, label in enumerate(self.labels) if index not in used]
        if empty:
            raise InvalidData(f"{self.root}: no images to learn from in the class {', '.join(empty)}")


def _split_folders(root: Path) -> list[tuple[Path, Split | None]]:
    found: dict[Split, Path] = {}
    for folder in _folders(root):
        split = _SPLIT_NAMES.get(folder.name.lower())
        if split is not None:
            if split in found:
                raise InvalidData(f"{root}: both {found[split].name}/ and {folder.name}/ are the {split} split")
            found[split] = folder
    if "train" not in found:
        return [(root, None)]  # then 'test' or 'val' would be classes like any other
    return [(folder, split) for split, folder in found.items()]


def _labels(folders: list[tuple[Path, Split | None]], root: Path) -> tuple[str, ...]:
    names = {split: [path.name for path in _folders(folder)] for folder, split in folders}
    labels = names["train"] if "train" in names else names[None]
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
