"""Folders of parts of photographs with something wrong in them, and what a check finds in them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from tests.support.images import encode
from tests.training.data.support import crops
from tests.training.support import tiny_recipe
from training.data.check.facts import Finding
from training.data.check.inspect import Inspection, inspect
from training.data.folder import FolderSource


def write(root: Path, folders: Mapping[str, Sequence[Image.Image]], image_format: str = "PNG") -> Path:
    """Images as files 000.png, 001.png and so on of each folder."""
    for name, images in folders.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images):
            (folder / f"{number:03d}.{image_format.lower()}").write_bytes(encode(image, image_format))
    return root


def write_splits(root: Path, each: int = 30) -> Path:
    """Two classes of parts of photographs, ``each`` in train/ and half as many in val/ and test/."""
    images = iter(crops(each * 4))
    sizes = {"train": each, "val": each // 2, "test": each // 2}
    return write(
        root,
        {f"{split}/{label}": [next(images) for _ in range(size)] for split, size in sizes.items() for label in "ab"},
    )


def looked_at(root: Path, *changes: str) -> Inspection:
    """What a check with the tiny recipe finds in ``root``, in an input of 48 x 48, where 90 % right is enough."""
    recipe = tiny_recipe(root.parent, "input.height=48", "input.width=48", "decision.accuracy=0.9", *changes)
    return inspect(FolderSource(root), recipe)


def findings(root: Path, kind: str, *changes: str) -> list[Finding]:
    """Those of one kind."""
    return [finding for finding in looked_at(root, *changes).check.findings if finding.kind == kind]
