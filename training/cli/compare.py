"""``whatsit compare``."""

from typing import Annotated

import typer

from models.store import Store, default_root
from training.cli.options import Data, Json, StorePath, print_json, require_torch

_Subject = Annotated[str, typer.Argument(metavar="RUN_DIR|REF", help="A run's folder, or name, name@version.")]


def compare(
    first: _Subject,
    second: _Subject,
    data: Data = None,
    store: StorePath = None,
    as_json: Json = False,
) -> None:
    """Tell which of two models is better on the same images, and whether the difference is noise.

    Example: whatsit compare cifar10@1 runs/cifar10 --data cifar-10-batches-bin
    """
    require_torch()
    from training.compare import compare, verdict
    from training.subject import open_subject
    from training.tables import class_comparison_table, comparison_table, show

    place = Store(store or default_root())
    found = compare(open_subject(first, place), open_subject(second, place), data)
    if as_json:
        print_json(found.model_dump(mode="json") | {"verdict": verdict(found)})
        return
    show(comparison_table(found))
    show(class_comparison_table(found))
    typer.echo(verdict(found))
