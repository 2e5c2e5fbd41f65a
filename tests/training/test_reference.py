import re
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from models.labels import Label
from models.manifest import Strict
from training.config import Recipe, load_recipe
from training.errors import InvalidRecipe
from training.reference import recipe_reference

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


class Colour(Strict):
    """One ``colour``.

    And more of it.
    """

    name: Literal["rgb"]
    """The kind."""


class Sample(Strict):
    """A model with a key of each kind."""

    count: int = Field(ge=1, lt=9)
    """How many of ``these``,
    counted.
    """
    share: float = Field(default=0.5, gt=0)
    """A share."""
    words: tuple[Label, ...] = Field(default=("a", "ü"), min_length=2)
    """Some words."""
    either: Literal["a", "b", "c"] | None = None
    """One of three."""
    flag: bool = True
    """On or off."""
    colour: Colour = Colour(name="rgb")
    colours: tuple[Colour, ...] = Field(default=(), max_length=3)


def test_the_page_is_up_to_date() -> None:
    if PAGE.read_text(encoding="utf-8") != recipe_reference():
        pytest.fail("make it anew: python -m training.reference > docs/recipes.md")


def test_every_kind_of_key_has_a_row_and_every_table_a_section() -> None:
    _, _, page = recipe_reference(Sample).partition("bounds.\n\n")
    heading = "| key | type | default | bounds | what |\n| --- | --- | --- | --- | --- |\n"
    colour = f'One `colour`.\n\nAnd more of it.\n\n{heading}| `name` | `"rgb"` | required |  | The kind. |\n'
    assert page == (
        f"{heading}"
        "| `count` | integer | required | at least 1, below 9 | How many of `these`, counted. |\n"
        "| `share` | number | `0.5` | above 0 | A share. |\n"
        '| `words` | list of texts | `["a", "ü"]` | at least 2 of them, each 1 to 200 characters | Some words. |\n'
        '| `either` | `"a"`, `"b"` or `"c"` | not set |  | One of three. |\n'
        "| `flag` | `true` or `false` | `true` |  | On or off. |\n"
        "| `colour` | table |  |  | One `colour`. |\n"
        "| `colours` | list of tables | `[]` | at most 3 of them | One `colour`. |\n"
        f'\n## `colour, name = "rgb"`\n\n{colour}\n## `colours, name = "rgb"`\n\n{colour}'
    )


def test_a_key_that_says_nothing_of_itself_is_found_out() -> None:
    class Silent(Sample):
        silent: int = 3

    with pytest.raises(KeyError, match="description"):
        recipe_reference(Silent)


def test_what_the_page_says_of_defaults_and_bounds_holds() -> None:
    section = recipe_reference(Recipe).partition("## `augment`\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (?:integer|number) \| `(.+?)` \| (.+?) to (.+?) \|", section, re.MULTILINE)
    assert len(rows) == 11
    for name, default, least, most in rows:
        key = f"augment.{name}"
        assert getattr(load_recipe("cifar10-tutorial-a").augment, name) == float(default)
        for allowed in (least, most) if name not in {"translate", "cutout"} else (least,):
            load_recipe("cifar10-tutorial-a", [f"{key}={allowed}"])
        for refused in (float(least) - 0.001, float(most) + 1):
            with pytest.raises(InvalidRecipe, match=key):
                load_recipe("cifar10-tutorial-a", [f"{key}={refused}"])
