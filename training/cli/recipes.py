"""``whatsit recipes``."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.cli.options import Json, print_json

_Name = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Print this recipe, to be changed; without it, all are listed.")
]


def recipes(name: _Name = None, as_json: Json = False) -> None:
    """List the recipes that come with Whatsit, for `whatsit train`, or print one as TOML.

    docs/recipes.md says what every key means. --json gives all keys of a recipe.

    Example: whatsit recipes folder > mine.toml
    """
    from training.config import load_recipe, recipe_names, recipe_text

    if name is None:
        _list(as_json=as_json)
    elif name not in recipe_names():
        raise typer.BadParameter(f"there is no recipe {name!r}; there are {', '.join(recipe_names())}")
    elif as_json:
        print_json(load_recipe(name).model_dump(mode="json"))
    else:
        typer.echo(recipe_text(name), nl=False)


def _list(*, as_json: bool) -> None:
    from training.config import load_recipe, recipe_names

    known = {name: load_recipe(name) for name in recipe_names()}
    if as_json:
        facts = ((name, recipe.description, recipe.data.kind, recipe.data.download) for name, recipe in known.items())
        print_json([dict(zip(("name", "description", "data", "download"), row, strict=True)) for row in facts])
        return
    table = Table("recipe", "what it trains", "data")
    table.columns[0].no_wrap = True
    for name, recipe in known.items():
        whose = "fetched" if recipe.data.download else "yours"
        table.add_row(escape(name), escape(recipe.description), f"{recipe.data.kind}, {whose}")
    Console().print(table)
