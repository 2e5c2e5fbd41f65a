import json
import os
from pathlib import Path

import pytest

from tests.training.support import recipe_file
from training.config import load_recipe, parse_recipe
from training.errors import InvalidRecipe
from training.settings import TransferSettings


def test_a_saved_recipe_comes_back_as_it_was() -> None:
    recipe = load_recipe("cifar10")
    assert parse_recipe(recipe.model_dump_json()) == recipe


def test_values_are_changed_by_dotted_paths(tmp_path: Path) -> None:
    changes = ["architecture.blocks.0.channels=24", "augment.flip=random", "optimizer.learning_rate=3", "seed = 8"]
    recipe = load_recipe(str(recipe_file(tmp_path)), changes, epochs=9)
    assert recipe.architecture.blocks[0].channels == 24
    assert recipe.augment.flip == "random"
    assert recipe.optimizer.learning_rate == 3.0
    assert (recipe.seed, recipe.fit.epochs) == (8, 9)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("fit.epoch=3", "fit.epoch"),
        ("fit.epochs=0", "fit.epochs"),
        ("fit.epochs='3'", "fit.epochs"),
        ("data.validation=1.0", "data.validation"),
        ("data.validation=0", "data.validation"),
        ("data.test=0", "data.test"),
        ("data.transpose=true", "transpose: for IDX files only"),
        ("optimizer.learning_rate=inf", "optimizer.learning_rate"),
        ("optimizer.learning_rate=nan", "optimizer.learning_rate"),
        ("optimizer.momentum=0", "nesterov=false"),
        ("transfer.weights=", "transfer.weights: is empty: give a value, or none"),
        ("augment.translate=16", "augment.translate"),
        ("augment.cutout=16", "augment.cutout"),
        ("augment.crop=0", "augment.crop"),
        ("architecture.blocks=[]", "architecture.blocks"),
        ("architecture.blocks.7.channels=3", "architecture.blocks.7"),
        ("seed.value.deep=1", "seed.value.deep"),
        ("epochs", "key=value"),
        ("=3", "key=value"),
    ],
)
def test_a_wrong_change_is_named(tmp_path: Path, change: str, named: str) -> None:
    with pytest.raises(InvalidRecipe, match=named):
        load_recipe(str(recipe_file(tmp_path)), [change])


@pytest.mark.parametrize(
    ("change", "meant"),
    [
        ("decription=x", "description"),
        ("epochs=3", "fit.epochs"),
        ("learning_rate=3", "optimizer.learning_rate"),
        ("architecture.blocks.0.chanels=3", "architecture.blocks.0.channels"),
    ],
)
def test_of_an_unknown_key_the_likeliest_is_told(tmp_path: Path, change: str, meant: str) -> None:
    with pytest.raises(InvalidRecipe, match=rf"^{change.partition('=')[0]}: not known, did you mean {meant}\?$"):
        load_recipe(str(recipe_file(tmp_path)), [change])


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    told = r"^fit\.epochs: Input should be greater than or equal to 1; frobnicate: not known$"
    with pytest.raises(InvalidRecipe, match=told):
        load_recipe(str(recipe_file(tmp_path)), ["fit.epochs=0", "frobnicate=1"])


@pytest.mark.parametrize("change", ["augment.saturation=0.2", "augment.hue=0.1"])
def test_grey_images_have_no_colour_to_change(tmp_path: Path, change: str) -> None:
    with pytest.raises(InvalidRecipe, match="grey images have neither saturation nor hue"):
        load_recipe(str(recipe_file(tmp_path)), ["input.colour=grey", change])
    assert load_recipe(str(recipe_file(tmp_path)), [change]).input.channels == 3


@pytest.mark.parametrize("change", ["transfer={}", "transfer.weights=none"])
def test_a_recipe_can_begin_with_random_weights_instead(change: str) -> None:
    assert load_recipe("fashion-mnist-vgg16", [change]).transfer == TransferSettings()


def test_without_weights_nothing_can_be_frozen() -> None:
    with pytest.raises(InvalidRecipe, match=r"^transfer: freeze and rate .*--set transfer=\{\}"):
        load_recipe("intel-vgg16", ["transfer.weights=none"])
    assert load_recipe("intel-vgg16", ["transfer={}"]).transfer == TransferSettings()


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("/home/me/runs/pets", "pets"),
        ("runs/pets/", "pets"),
        ("weights.pth", "weights.pth"),
        ("/", "a folder"),
        ("imagenet", "imagenet"),
        ("cifar10-vgg16@production", "cifar10-vgg16@production"),
    ],
)
def test_where_weights_lie_is_not_published(weights: str, told: str) -> None:
    recipe = load_recipe("cifar10-vgg16", [f"transfer.weights={weights}", "transfer.freeze=1"])
    assert recipe.published().transfer == TransferSettings(weights=told, freeze=1)
    assert load_recipe("cifar10").published() == load_recipe("cifar10")


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(InvalidRecipe, match=r"no recipe 'nonesuch'; known are .*cifar10"):
        load_recipe("nonesuch")


def test_why_a_recipe_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    (tmp_path / "utf-16.toml").write_text("seed = 3", encoding="utf-16")
    for name, why in (("folder", "Is a directory"), ("loop", "Too many levels of symbolic links")):
        with pytest.raises(InvalidRecipe, match=rf"the recipe .*/{name}\.toml cannot be read: {why}"):
            load_recipe(str(tmp_path / f"{name}.toml"))
    with pytest.raises(InvalidRecipe, match=r"the recipe .*/utf-16\.toml is not text in UTF-8"):
        load_recipe(str(tmp_path / "utf-16.toml"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_recipe_of_somebody_else_is_told(tmp_path: Path) -> None:
    path = recipe_file(tmp_path)
    path.chmod(0)
    with pytest.raises(InvalidRecipe, match="cannot be read: Permission denied"):
        load_recipe(str(path))


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("a = = 3")
    with pytest.raises(InvalidRecipe, match=r"bad\.toml is not TOML"):
        load_recipe(str(path))


def test_a_date_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipe, match="seed"):
        load_recipe(str(recipe_file(tmp_path)), ["seed=2024-01-01"])


def test_the_json_of_a_recipe_holds_every_default(tmp_path: Path) -> None:
    content = json.loads(load_recipe(str(recipe_file(tmp_path))).model_dump_json())
    assert content["schedule"] == {"name": "one-cycle", "warmup": 0.2, "start": 0.1, "end": 0.01}
