"""``whatsit data``: look at data before it is learnt from."""

import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from training.cli.options import Changes, Json, print_json, require_torch

app = typer.Typer(help="Look at data before it is learnt from.", no_args_is_help=True)


_Kind = Annotated[
    Literal["folder", "cifar10", "idx"] | None, typer.Option(help="How the data lies in it; else its files tell.")
]
_Recipe = Annotated[str | None, typer.Option(help="The recipe that is to learn from it; else one for its kind.")]


@app.callback()
def data() -> None:
    """Look at data before it is learnt from."""


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the data.")],
    kind: _Kind = None,
    recipe: _Recipe = None,
    changes: Changes = None,
    sheet: Annotated[Path | None, typer.Option(help="Write some images of each class side by side, as JPEG.")] = None,
    copies: Annotated[Path | None, typer.Option(help="Write all images that are there twice, as CSV.")] = None,
    as_json: Json = False,
) -> None:
    """Count, and find what is broken, there twice, in two classes, or in two splits.

    Images are looked at as the recipe's network would see them. Near copies are those that are more alike than
    other images of the same data; about one image in a thousand is taken for one by chance. Where the data has no
    splits, those are checked that a training would draw. The exit code is 1 where a training would refuse the data:
    a class without images, a class of the test split that cannot be learnt, a folder in which most files are no images.

    Example: whatsit data check my-images --recipe folder --sheet contact-sheet.jpg
    """
    require_torch()
    from training.data.check.inspect import inspect
    from training.data.check.tables import show_check, write_copies
    from training.data.contact_sheet import contact_sheet
    from training.data.guess import recipe_for
    from training.data.sources import find_source

    chosen = recipe_for(folder, kind, recipe, changes or ())
    with tempfile.TemporaryDirectory() as cache:
        found = inspect(find_source(chosen.data, folder), chosen, Path(cache))
        if sheet is not None:
            of, labels = found.material, found.material.source.labels
            sheet.write_bytes(contact_sheet(of.decoded.pixels, of.targets, of.readable, labels, chosen.seed))
        if copies is not None:
            write_copies(copies, found.copies)
    if as_json:
        print_json(found.check.model_dump(mode="json"))
    else:
        show_check(found.check)
    if found.check.has_errors:
        raise typer.Exit(1)
