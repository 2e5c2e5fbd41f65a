"""``whatsit keys``: who may use the service, for what and how often."""

import re
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.cli.options import JsonOption, print_json
from service.keys.file import KeyFile
from service.keys.key import RATE_PATTERN, SCOPES, Key, KeyScope
from service.settings import Settings

app = typer.Typer(
    help="Who may use the service, for what and how often. Services that run follow within a second.",
    no_args_is_help=True,
)


def _name(name: str) -> str:
    if not (0 < len(name) <= 100 and name.isprintable()):
        raise typer.BadParameter("1 to 100 printable characters")
    return name


def _rate(rate: str | None) -> str | None:
    if rate is not None and not re.fullmatch(RATE_PATTERN, rate):
        raise typer.BadParameter("a number and a time, such as 100/minute; the times: second, minute, hour, day")
    return rate


def _scopes(scopes: list[str]) -> list[str]:
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SCOPES)}")
    return scopes


_Name = Annotated[str, typer.Option(callback=_name, help="Who or what it is for, as people are to know it.")]
_Scopes = Annotated[
    list[str],
    typer.Option("--scope", callback=_scopes, help=f"What it is good for: {', '.join(SCOPES)}; may be repeated."),
]
_Rate = Annotated[
    str | None, typer.Option(callback=_rate, help="The most requests in a time, such as 100/minute; else no limit.")
]
_PREDICT = ["predict"]


@app.command()
def create(name: _Name, scopes: _Scopes = _PREDICT, rate: _Rate = None, as_json: JsonOption = False) -> None:
    """Make a key and print it. Nobody can tell it again: only a digest is kept, in the file of the setting keys.

    Example: whatsit keys create --name web-shop --scope predict --rate 100/minute
    """
    file = KeyFile(Settings().keys)
    first = not file.exists()
    key, text = file.create(name, cast(tuple[KeyScope, ...], tuple(scopes)), rate)
    if as_json:
        print_json({**_facts(key), "key": text})
    else:
        typer.echo(text)
    if first:
        typer.echo(f"{file.path} is new: from now on services that use it answer nobody without a key", err=True)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List all keys, without their secrets.

    Example: whatsit keys list
    """
    file = KeyFile(Settings().keys)
    keys = file.read().values() if file.exists() else ()
    if as_json:
        print_json([_facts(key) for key in keys])
        return
    table = Table("id", "name", "scopes", "rate", "created")
    for key in keys:
        created = f"{key.created_at:%Y-%m-%d %H:%M}"
        table.add_row(key.id, escape(key.name), ", ".join(key.scopes), key.rate or "-", created)
    Console().print(table)
    if not file.exists():
        typer.echo(f"there is no {file.path}: services that use it need no key, and listen on loopback only", err=True)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The id, as list shows it.")]) -> None:
    """Take a key away.

    Example: whatsit keys revoke 0a1b2c3d4e5f
    """
    file = KeyFile(Settings().keys)
    key = file.revoke(key_id)
    typer.echo(f"{key.id} ({key.name}): revoked")
    if not file.read():
        typer.echo("this was the last one: services that use this file answer nobody", err=True)


def _facts(key: Key) -> dict[str, object]:
    return key.model_dump(mode="json", exclude={"sha256"})
