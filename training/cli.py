"""The commands ``train``, ``evaluate`` and ``publish``, added to ``whatsit`` by its entry points.

Nothing here imports torch before a command runs, so that ``--help`` is quick and serving needs no torch.
"""

from pathlib import Path
from typing import Annotated

import typer

from models.errors import WhatsitError


def register(app: typer.Typer) -> None:
    """Add the commands of training to ``app``."""
    app.command("train")(_train)


def _train(
    recipe: Annotated[str, typer.Argument(help="The name of a recipe, or a TOML file.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the data; else the recipe's own is downloaded.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's number.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in the folder stopped.")] = False,
) -> None:
    """Train a model."""
    from training.config import load_recipe
    from training.train import Request, train

    try:
        name = Path(recipe).stem
        folder = output or Path("runs") / name
        train(Request(name, load_recipe(recipe, changes or (), epochs), data, folder, resume))
    except WhatsitError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    application = typer.Typer()
    application.callback()(lambda: None)
    register(application)
    application()
