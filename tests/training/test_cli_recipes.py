"""``whatsit recipes``: all of them, or one to change."""

import json
from pathlib import Path

import pytest

from tests.training.test_cli import invoke
from training.config import load_recipe, parse_recipe, recipe_names


def test_recipes_are_listed() -> None:
    code, out = invoke("recipes", "--json")
    found = {row["name"]: row for row in json.loads(out)}
    assert (code, sorted(found)) == (0, recipe_names())
    assert found["cifar10"]["download"] == "cifar10"
    assert all(row["description"] for row in found.values())
    code, out = invoke("recipes")
    assert code == 0
    assert all(name in out for name in found)


@pytest.mark.parametrize("name", ["folder", "cifar10-vgg16"])
def test_one_is_printed_as_it_is_ready_for_a_file(name: str, tmp_path: Path) -> None:
    code, out = invoke("recipes", name)
    mine = tmp_path / "mine.toml"
    mine.write_text(out, encoding="utf-8")
    assert code == 0
    assert load_recipe(str(mine)) == load_recipe(name)
    assert out.endswith("\n")
    assert not out.endswith("\n\n")


def test_json_has_every_key_of_a_recipe() -> None:
    code, out = invoke("recipes", "cifar10-tutorial-a", "--json")
    assert code == 0
    assert parse_recipe(out) == load_recipe("cifar10-tutorial-a")
    assert json.loads(out)["augment"]["flip"] == "none"


@pytest.mark.parametrize("name", ["nonesuch", "../recipes/folder", "folder.toml"])
def test_one_that_there_is_not_is_wrong_usage(name: str) -> None:
    code, out = invoke("recipes", name)
    assert (code, out) == (2, "")
