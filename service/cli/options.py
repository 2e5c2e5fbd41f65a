"""Options that several commands share, and how facts are printed."""

import json
from pathlib import Path
from typing import Annotated

import typer

from models.precision import Asked
from models.store import Store
from service.settings import Settings

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", help="The folder of models and versions.", envvar="WHATSIT_STORE", exists=True, file_okay=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
PrecisionOption = Annotated[Asked | None, typer.Option("--precision", help="Which graph of the version runs.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason, for the audit log.")]


def open_store(store: Path | None) -> Store:
    """The store that was asked for, else that of the settings."""
    return Store(store or Settings().store)


def print_json(content: object) -> None:
    """Print ``content`` for programs, without colours or wrapping."""
    typer.echo(json.dumps(content, indent=2))
