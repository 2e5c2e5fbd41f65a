"""``whatsit evaluate``."""

from typing import Annotated

import typer

from models.manifest import Precision
from training.cli.options import Json, StoreOption, TestData, open_store, print_json, require_torch

_Precision = Annotated[Precision | None, typer.Option(help="The graph to measure; the most exact one by default.")]


def evaluate(
    subject: Annotated[str, typer.Argument(metavar="RUN_DIR|REF", help="A run's folder, or name, name@version.")],
    data: TestData = None,
    precision: _Precision = None,
    store: StoreOption = None,
    as_json: Json = False,
) -> None:
    """Measure a graph on a test split, exactly as the service would answer with it.

    A folder without splits of its own is measured on what training held out of it. Of other images it is not known
    whether training has seen them: all are measured, and the table says so.

    Besides, what it keeps of its promises there: how many answers are accepted and how many of these are right, and how
    often the candidates hold the right label.

    Example: whatsit evaluate cifar10@production --data cifar-10-batches-bin --precision int8 --json
    """
    require_torch()
    from training.evaluate import evaluate
    from training.subject import open_subject
    from training.tables import class_table, confusion_table, show, totals_table

    measured = evaluate(open_subject(subject, open_store(store), precision), data)
    if as_json:
        print_json(measured.model_dump(mode="json"))
        return
    show(totals_table(measured.metrics, measured.promises))
    show(class_table(measured.metrics))
    show(confusion_table(measured.metrics))
    if measured.warning:
        typer.echo(f"warning: {measured.warning}")
