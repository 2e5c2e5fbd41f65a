"""Folders of class folders: ``DIR/cat/1.jpg``, or ``DIR/train/cat/1.jpg`` beside ``val/`` and ``test/``."""

import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from training.data.samples import Fault, Sample, Split
from training.errors import InvalidData

_SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
# A Mac puts it into every zip, with a shadow of each file.
_NO_CLASS = "__MACOSX"


class FolderSource:
    """The files below ``root``; hidden files and folders do not count, at any depth.

    Raises InvalidData where no classes can be seen. ``faults`` are classes without images to learn from.
    """

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
        self.faults = (*_unknown_classes(folders, self.labels), *self._empty_classes())

    def read(self, index: int) -> bytes:
        """The bytes of one file."""
        return (self.root / self.samples[index].key).read_bytes()

    def _empty_classes(self) -> Iterator[Fault]:
        learnt = {sample.label for sample in self.samples if sample.split in {"train", None}}
        empty = [label for index, label in enumerate(self.labels) if index not in learnt]
        if learnt and empty:
            yield Fault(f"no images to learn from in the class {_listed(empty)}: add some, or take its folder away", 0)


def _split_folders(root: Path) -> list[tuple[Path, Split | None]]:
    """The folders of splits; ``root`` alone where there are none.

    A folder named like a split is a class among others when no folders lie in it: a class may well be named 'test'.
    """
    folders = _folders(root)
    found = [(folder, split) for folder in folders if (split := _SPLIT_NAMES.get(folder.name.lower()))]
    others = [folder.name for folder in folders if folder.name.lower() not in _SPLIT_NAMES]
    filled = [folder.name for folder, _ in found if _folders(folder)]
    if not found or (others and not filled):
        return [(root, None)]
    if others:
        raise InvalidData(
            f"{root}: {_listed(filled)} with class folders in it looks like a split, but {_listed(others)} beside it "
            "is none: take it out, or put all classes into one folder train/"
        )
    splits = [split for _, split in found]
    if len(set(splits)) < len(splits):
        raise InvalidData(f"{root}: more than one of {_listed(folder.name for folder in folders)} is the same split")
    if filled and len(filled) < len(found):
        empty = [folder.name for folder, _ in found if folder.name not in filled]
        raise InvalidData(f"{root}: the split {_listed(empty)} has no class folders in it")
    return [(folder, split) for folder, split in found]


def _labels(folders: list[tuple[Path, Split | None]], root: Path) -> tuple[str, ...]:
    names = {split: [path.name for path in _folders(folder)] for folder, split in folders}
    labels = names["train" if "train" in names else next(iter(names))]
    if len(labels) < 2:
        found = f"only {labels[0]!r}" if labels else "none"
        raise InvalidData(f"{root}: expected two or more class folders with images in them, found {found}")
    return tuple(labels)


def _unknown_classes(folders: list[tuple[Path, Split | None]], labels: tuple[str, ...]) -> Iterator[Fault]:
    """The classes of a split that are none of ``labels``; the one that may be meant is named."""
    for folder, _ in folders:
        for path in _folders(folder):
            if path.name not in labels:
                likely = get_close_matches(path.name, labels, 1)
                meant = f"rename it, if {likely[0]} is meant, or " if likely else ""
                text = f"{folder.name}/ has a class that is not among those to learn, {path.name}: {meant}take it away"
                yield Fault(text, len(_files(path)))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise InvalidData(f"{root} is not a folder")
    return _named(path for path in root.iterdir() if path.is_dir())


def _files(folder: Path) -> list[Path]:
    """All visible files below ``folder``, through links too; a folder that links to one above is looked into once."""
    if not folder.exists():
        return []  # not every split has every class
    found, known = [], set[str]()
    for base, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(base)
        if real in known:
            folders.clear()
            continue
        known.add(real)
        folders[:] = filter(_is_visible, folders)
        found += [path for name in names if (path := Path(base, name)).is_file()]
    return _named(found)


def _refuse(error: OSError) -> None:
    raise InvalidData(f"{error.filename} cannot be looked into ({error.strerror}): give access to it, or take it away")


def _named(paths: Iterable[Path]) -> list[Path]:
    """The visible ones, in order; refuses a name that no file of a run could hold."""
    visible = sorted(path for path in paths if _is_visible(path.name))
    odd = [path for path in visible if not _is_text(str(path))]
    if odd:
        more = f" (and {len(odd) - 1} more)" if odd[1:] else ""
        raise InvalidData(f"{os.fsencode(odd[0])!r}{more} is not a name in UTF-8: rename it, for example with convmv")
    return visible


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name != _NO_CLASS


def _is_text(name: str) -> bool:
    """Whether a name is Unicode: Python keeps bytes that are not UTF-8 as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)
