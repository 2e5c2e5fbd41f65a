"""``whatsit runs``: what became of every training."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from training.cli.options import Json, print_json, require_torch
from training.errors import RunUnusable

app = typer.Typer(help="Show what became of every training run.", no_args_is_help=True)


class Order(StrEnum):
    """What a list of runs is sorted by."""

    BEGAN = "began"
    ACCURACY = "accuracy"
    NAME = "name"


@app.command("list")
def list_command(
    folder: Annotated[Path, typer.Option("--runs", help="The folder in which the runs lie.")] = Path("runs"),
    recipe: Annotated[str | None, typer.Option(help="Only those of this recipe.")] = None,
    sort: Annotated[Order, typer.Option(help="The oldest, the best, or A comes first.")] = Order.BEGAN,
    as_json: Json = False,
) -> None:
    """List all runs, also those whose folders are gone.

    Example: whatsit runs list --recipe cifar10 --sort accuracy
    """
    require_torch()
    from training.recording import list_runs
    from training.run_tables import runs_table
    from training.tables import show

    if not folder.is_dir():
        raise RunUnusable(f"{folder} is not a folder: say where your runs lie with --runs DIR")
    runs = [entry for entry in list_runs(folder) if recipe in {None, entry.facts.recipe}]
    match sort:
        case Order.ACCURACY:
            runs.sort(key=lambda entry: -(entry.facts.test_accuracy or 0))
        case Order.NAME:
            runs.sort(key=lambda entry: entry.facts.run)
        case Order.BEGAN:
            pass  # as they come
    if as_json:
        print_json([entry.model_dump(mode="json") for entry in runs])
        return
    show(runs_table(runs))


@app.command("show")
def show_command(
    folder: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a run, or where it was.")],
    as_json: Json = False,
) -> None:
    """Show all that is known of one run.

    Example: whatsit runs show runs/cifar10
    """
    require_torch()
    from training.recording import find_run
    from training.run_tables import run_table
    from training.tables import show

    entry, records = find_run(folder)
    if as_json:
        events = [record.model_dump(mode="json", exclude={"facts", "changes"}) for record in records]
        print_json(entry.model_dump(mode="json") | {"records": events})
        return
    show(run_table(entry, records))
