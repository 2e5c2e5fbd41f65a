"""Options that several commands share, and how facts are printed."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from models.errors import InvalidLocation
from models.locations import parse_location
from models.precision import Asked
from models.store import Store
from models.trust import Signer, read_signer
from service.settings import Settings
from service.store import store_of


def _checked(store: str | None) -> str | None:
    """A folder that is there, or a URL."""
    try:
        location = None if store is None else parse_location(store)
    except InvalidLocation as error:
        raise typer.BadParameter(str(error)) from error
    if isinstance(location, Path) and not location.is_dir():
        raise typer.BadParameter(f"there is no folder {location}")
    return store


StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="The folder of models and versions, or a URL such as s3://bucket/models.",
        envvar="WHATSIT_STORE",
        callback=_checked,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
PrecisionOption = Annotated[Asked | None, typer.Option("--precision", help="Which graph of the version runs.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason, for the audit log.")]


SignOption = Annotated[
    Path | None, typer.Option("--sign", help="A PEM file of the private key to sign it with.", exists=True)
]


def open_store(store: str | None, key: Path | None = None) -> Store:
    """The store that was asked for, else that of the settings, with the keys that must have signed its versions."""
    given: dict[str, Any] = {"store": store, "require_signature": key}
    return store_of(Settings(**{name: value for name, value in given.items() if value is not None}))


def signer_of(key: Path | None) -> Signer | None:
    """The private key in a file, for whose password is asked, where it has one."""
    return None if key is None else read_signer(key, ask_password)


def ask_password() -> str:
    """The password of a private key, from whoever sits there."""
    return str(typer.prompt("password of the key", hide_input=True, err=True))


def print_json(content: object) -> None:
    """Print ``content`` for programs, without colours or wrapping."""
    typer.echo(json.dumps(content, indent=2))
