"""``whatsit describe``."""

from typing import Annotated

import typer

from training.cli.options import Changes, Json, StoreOption, open_store, print_json, require_torch

_Subject = Annotated[
    str,
    typer.Argument(metavar="RECIPE|REF|RUN_DIR", help="A recipe's name or file, name@version, or a run's folder."),
]
_Classes = Annotated[int | None, typer.Option(min=2, help="Classes, where the recipe does not know how many.")]


def describe(
    subject: _Subject,
    classes: _Classes = None,
    changes: Changes = None,
    store: StoreOption = None,
    as_json: Json = False,
) -> None:
    """Show a network's layers: output shapes, parameters, and multiply-adds for one image.

    A name that a recipe and a model share is the recipe's; name@production is the version.

    Example: whatsit describe cifar10 --set input.height=64 --set input.width=64
    """
    require_torch()
    from training.describe import describe
    from training.description import description_table
    from training.tables import show

    description = describe(subject, open_store(store), changes or (), classes)
    if as_json:
        print_json(description.model_dump(mode="json"))
        return
    show(description_table(description))
