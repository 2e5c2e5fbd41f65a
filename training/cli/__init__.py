"""The commands of training, added to ``whatsit`` by its entry points.

Nothing here imports torch before a command runs, so that ``--help`` is quick and serving needs no torch.
"""

import typer

from training.cli import data, runs
from training.cli.compare import compare
from training.cli.describe import describe
from training.cli.evaluate import evaluate
from training.cli.publish import publish
from training.cli.recipes import recipes
from training.cli.report import report
from training.cli.train import train


def register(app: typer.Typer) -> None:
    """Add the commands of training to ``app``."""
    for command in (train, evaluate, compare, describe, report, publish, recipes):
        app.command(command.__name__)(command)
    app.add_typer(data.app, name="data")
    app.add_typer(runs.app, name="runs")
