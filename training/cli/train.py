"""``whatsit train``."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from training.cli.options import Changes, Data, Json, StoreOption, open_store, print_json, require_torch
from training.tools import Tool, require_installed

if TYPE_CHECKING:
    from training.run import Run

_INTERRUPTED = 130  # as shells count it: 128 and the signal

_Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs, in place of the recipe's.")]
_Track = Annotated[list[Tool] | None, typer.Option(help="Show every epoch in this tool too; repeatable.")]
_Output = Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE by default.")]


def train(  # noqa: PLR0913, PLR0917 - one for each option
    recipe: Annotated[str, typer.Argument(help="One that `whatsit recipes` lists, or a TOML file of your own.")],
    data: Data = None,
    epochs: _Epochs = None,
    changes: Changes = None,
    output: _Output = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in the folder stopped.")] = False,
    track: _Track = None,
    store: StoreOption = None,
    as_json: Json = False,
) -> None:
    """Train a model: from images to an exported graph that is calibrated, proved and measured.

    The recipe `folder` is for class folders of your own; `whatsit recipes` lists all that come with it.

    Example: whatsit train folder --data my-images --epochs 20 --set optimizer.learning_rate=0.001
    """
    require_torch()
    require_installed(track or ())
    from training.config import load_recipe

    chosen = load_recipe(recipe, changes or (), epochs)  # before torch is imported: a mistake is told at once
    from training.processes import is_first
    from training.train import Request, train

    name = Path(recipe).stem
    folder = output or Path("runs") / name
    place = open_store(store)
    said = (*(changes or ()), *([] if epochs is None else [f"fit.epochs={epochs}"]))
    try:
        run = train(Request(name, chosen, data, folder, resume, said, tuple(track or ()), place))
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command with --resume goes on after the last whole epoch of {folder}", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    if is_first():
        _show(run, as_json=as_json)


def _show(run: "Run", *, as_json: bool) -> None:
    from training.learnt import doubt
    from training.promises import measure_promises
    from training.report.evidence import read_answers
    from training.review import why_all_for_review
    from training.tables import class_table, show, totals_table

    metrics, calibration, answers = run.metrics(), run.calibration(), read_answers(run)
    decision, conformal = calibration.decision, calibration.conformal
    promises = measure_promises(answers.probabilities, answers.targets, decision, conformal)
    validated = len(run.splits().keys["validation"])
    possible = (doubt(run.recipe(), run.info().origin), why_all_for_review(decision, validated))
    told = [warning for warning in possible if warning is not None]
    if as_json:
        facts = {"run": str(run.folder), "epochs": [row.model_dump() for row in run.history()]}
        test = {"test": metrics.model_dump(mode="json"), "promises": promises.model_dump(mode="json")}
        print_json(facts | test | {"warning": "; ".join(told) or None})
        return
    show(totals_table(metrics, promises))
    show(class_table(metrics))
    for warning in told:
        typer.echo(f"warning: {warning}")
    typer.echo(f"next: whatsit publish {quote(str(run.folder))} --name NAME --alias production")
