"""``whatsit recipes``."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.cli.options import Json, print_json


def recipes(as_json: Json = False) -> None:
    """List the recipes that come with Whatsit, for `whatsit train`.

    Example: whatsit recipes --json
    """
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
