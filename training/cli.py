"""The commands ``train``, ``evaluate`` and ``publish``, added to ``whatsit`` by its entry points.

Nothing here imports torch before a command runs, so that ``--help`` is quick and serving needs no torch.
"""

import getpass
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from models.store import Store, default_root
from training.errors import TrainingNotInstalled

_INTERRUPTED = 130  # as shells count it: 128 and the signal
_NEEDED = ("torch", "lightning", "onnx", "onnxscript")

_Data = Annotated[Path | None, typer.Option(help="Folder of the data; else the recipe's own is downloaded.")]
_Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs, in place of the recipe's.")]
_Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe.")]
_Output = Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE by default.")]
_Store = Annotated[
    Path | None, typer.Option("--store", help="The folder of models and versions.", envvar="WHATSIT_STORE")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def register(app: typer.Typer) -> None:
    """Add the commands of training to ``app``."""
    app.command("train")(train)
    app.command("evaluate")(evaluate)
    app.command("publish")(publish)


def train(
    recipe: Annotated[str, typer.Argument(help="The name of a recipe, or a TOML file of your own.")],
    data: _Data = None,
    epochs: _Epochs = None,
    changes: _Set = None,
    output: _Output = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in the folder stopped.")] = False,
    as_json: _Json = False,
) -> None:
    """Train a model: from images to an exported graph that is calibrated, proved and measured.

    Recipes that come with it: cifar10, cifar10-tutorial, fashion-mnist, and folder for class folders of your own.

    Example: whatsit train folder --data my-images --epochs 20 --set optimizer.learning_rate=0.001
    """
    _require_torch()
    from training.config import load_recipe

    chosen = load_recipe(recipe, changes or (), epochs)  # before torch is imported: a mistake is told at once
    from training.tables import metrics_table, show
    from training.train import Request, train

    name = Path(recipe).stem
    folder = output or Path("runs") / name
    try:
        run = train(Request(name, chosen, data, folder, resume))
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command with --resume goes on after the last whole epoch of {folder}", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        facts = {"run": str(run.folder), "epochs": [row.model_dump() for row in run.history()]}
        _print_json(facts | {"test": run.metrics().model_dump(mode="json")})
        return
    show(metrics_table(run.metrics()))
    typer.echo(f"next: whatsit publish {run.folder} --name NAME --alias production")


def evaluate(
    subject: Annotated[str, typer.Argument(metavar="RUN_DIR|REF", help="A run's folder, or name, name@version.")],
    data: _Data = None,
    store: _Store = None,
    as_json: _Json = False,
) -> None:
    """Measure the exported graph on a test split, exactly as the service would answer.

    Example: whatsit evaluate cifar10@production --data cifar-10-batches-bin --json
    """
    _require_torch()
    from training.evaluate import evaluate, open_subject
    from training.tables import confusion_table, metrics_table, show

    measured = evaluate(open_subject(subject, Store(store or default_root())), data)
    if as_json:
        _print_json(measured.model_dump(mode="json"))
        return
    show(metrics_table(measured.metrics))
    show(confusion_table(measured.metrics))


def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a finished run.")],
    name: Annotated[str, typer.Option(help="The model that this becomes a version of.")],
    alias: Annotated[str | None, typer.Option(help="Let this alias name the new version.")] = None,
    golden: Annotated[Path | None, typer.Option(help="Golden images in place of those of the test split.")] = None,
    store: _Store = None,
    as_json: _Json = False,
) -> None:
    """Publish a finished run as the next version of a model.

    The folder of --golden may say in SOURCES.toml where its images are from: a table [images] with a line
    "cat.png" = "origin, licence" for each.

    Example: whatsit publish runs/folder --name scenery --alias production
    """
    _require_torch()
    from training.release import publish
    from training.run import Run

    place = Store(store or default_root())
    manifest = publish(Run(run), place, name, alias=alias, golden=golden, who=getpass.getuser())
    facts = {
        "name": name,
        "version": manifest.version,
        "alias": alias,
        "accuracy": manifest.metrics.accuracy,
        "folder": str(place.bundle(name, manifest.version)),
    }
    if as_json:
        _print_json(facts)
        return
    also = f", now {name}@{alias}" if alias else ""
    typer.echo(f"published {name}@{manifest.version}{also}: {manifest.metrics.accuracy:.2%}; {facts['folder']}")


def _require_torch() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise TrainingNotInstalled(f"training needs {', '.join(missing)}: pip install '.[training]'")


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, indent=2))
