"""``whatsit compare``."""

from typing import Annotated

import typer

from models.manifest import Precision
from training.cli.options import Json, PrecisionName, StoreOption, TestData, open_store, print_json, require_torch

_Subject = Annotated[str, typer.Argument(metavar="RUN_DIR|REF", help="A run's folder, or name, name@version.")]

_Precisions = Annotated[
    list[PrecisionName] | None,
    typer.Option(
        "--precision", help="The graph of both, or, given twice, of the first and of the second; the most exact one."
    ),
]


def compare(
    first: _Subject,
    second: _Subject,
    data: TestData = None,
    precisions: _Precisions = None,
    store: StoreOption = None,
    as_json: Json = False,
) -> None:
    """Tell which of two models is better on the same images, and whether the difference is noise.

    What a smaller graph of one version costs is told by two precisions:
    whatsit compare letters@1 letters@1 --precision fp32 --precision int8 --data DIR

    Example: whatsit compare cifar10@1 runs/cifar10 --data cifar-10-batches-bin
    """
    ours, theirs = _pair(precisions or [])
    require_torch()
    from training.compare import compare, verdict
    from training.subject import open_subject
    from training.tables import class_comparison_table, comparison_table, show

    place = open_store(store)
    found = compare(open_subject(first, place, ours), open_subject(second, place, theirs), data)
    if as_json:
        print_json(found.model_dump(mode="json") | {"verdict": verdict(found)})
        return
    show(comparison_table(found))
    show(class_comparison_table(found))
    typer.echo(verdict(found))


def _pair(given: list[PrecisionName]) -> tuple[Precision | None, Precision | None]:
    """The precision of the first and of the second; raises BadParameter when there are more."""
    match [graph.value for graph in given]:
        case []:
            return None, None
        case [both]:
            return both, both
        case [first, second]:
            return first, second
    raise typer.BadParameter("give it once for both, or twice: for the first and for the second")
