"""What kind of data lies in a folder, and a recipe to look at it with when nobody names one."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from models.decode import Limits, OpenImage
from training.config import Recipe, load_recipe
from training.data.sources import open_source

Kind = Literal["folder", "cifar10", "idx"]

_IDX_FILE = re.compile(r"[-.]idx\d-ubyte(\.gz)?$")


def guess_kind(folder: Path) -> Kind:
    """See from the names of files how data lies in ``folder``."""
    if (folder / "data_batch_1.bin").exists() or (folder / "cifar-10-batches-bin").is_dir():
        return "cifar10"
    if folder.is_dir() and any(_IDX_FILE.search(path.name) for path in folder.iterdir()):
        return "idx"
    return "folder"


def recipe_for(folder: Path, kind: Kind | None, name: str | None, changes: Sequence[str] = ()) -> Recipe:
    """The recipe called ``name``, for data of this ``kind``; without a name, one that suits the kind.

    ``changes`` are like those of ``--set``. Raises InvalidRecipe, or InvalidData where there is no such data.
    """
    if name is not None:
        return load_recipe(name, [*([f'data.kind="{kind}"'] if kind else []), *changes])
    match kind or guess_kind(folder):
        case "cifar10":
            return load_recipe("cifar10", changes)
        case "idx":
            return load_recipe("fashion-mnist", ["data.labels=[]", *_own_size(folder), *changes])
        case "folder":
            return load_recipe("folder", changes)


def _own_size(folder: Path) -> list[str]:
    """IDX files hold images of one size: they are looked at in that."""
    source = open_source(load_recipe("fashion-mnist", ["data.labels=[]"]).data, folder)
    image = OpenImage(source.read(0), Limits())
    return [f"input.height={image.height}", f"input.width={image.width}"]
