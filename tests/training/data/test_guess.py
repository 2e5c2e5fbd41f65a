from pathlib import Path

import numpy as np
import pytest

from tests.training.support import recipe_file, write_cifar10, write_classes, write_idx
from training.data.guess import guess_kind, recipe_for
from training.errors import InvalidData, InvalidRecipe


def letters(root: Path, *, zipped: bool) -> Path:
    images, labels = np.zeros((6, 20, 24), np.uint8), np.arange(6, dtype=np.uint8) % 3
    names = {
        f"x-{split}-{what}-ubyte": values
        for split in ("train", "test")
        for what, values in (("images-idx3", images), ("labels-idx1", labels))
    }
    return write_idx(root, names, zipped=zipped)


def test_the_kind_is_seen_from_the_files(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "all" / "cifar-10-batches-bin")
    assert guess_kind(tmp_path / "all") == guess_kind(tmp_path / "all" / "cifar-10-batches-bin") == "cifar10"
    assert guess_kind(letters(tmp_path / "plain", zipped=False)) == "idx"
    assert guess_kind(letters(tmp_path / "zipped", zipped=True)) == "idx"
    assert guess_kind(write_classes(tmp_path / "classes", 1)) == "folder"
    assert guess_kind(tmp_path / "nowhere") == "folder"


def test_idx_files_are_looked_at_in_their_own_size_and_by_numbers(tmp_path: Path) -> None:
    recipe = recipe_for(letters(tmp_path, zipped=False), None, None, ["seed=5"])
    assert (recipe.data.kind, recipe.data.labels, recipe.seed) == ("idx", (), 5)
    assert (recipe.input.height, recipe.input.width, recipe.input.colour) == (20, 24, "grey")
    with pytest.raises(InvalidData, match="no IDX file"):
        recipe_for(write_classes(tmp_path / "other", 1), "idx", None)


def test_a_recipe_that_is_named_is_taken_and_the_kind_overrides_its_own(tmp_path: Path) -> None:
    tiny = str(recipe_file(tmp_path))
    assert recipe_for(tmp_path, None, tiny).description == "Stripes and discs"
    assert recipe_for(tmp_path, "idx", tiny).data.kind == "idx"
    assert recipe_for(tmp_path, None, None).data.kind == "folder"
    with pytest.raises(InvalidRecipe, match="no recipe 'nonesuch'"):
        recipe_for(tmp_path, None, "nonesuch")
