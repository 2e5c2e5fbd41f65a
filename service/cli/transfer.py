"""``whatsit models push`` and ``pull``: versions on their way between stores, and into files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from models.archive import SUFFIX
from models.audit import who
from models.refs import parse_ref
from models.transfer import copy, export, take_in
from service.cli.options import JsonOption, StoreOption, WhyOption, open_store, print_json

_Ref = Annotated[str, typer.Argument(help="name, name@version or name@alias")]
_Destination = Annotated[str, typer.Argument(metavar="DEST", help=f"A folder, a URL, or a file that ends in {SUFFIX}.")]
_Source = Annotated[str, typer.Argument(metavar="SRC", help=f"A folder, a URL, or a file that ends in {SUFFIX}.")]


def register(app: typer.Typer) -> None:
    """Add the commands to those of ``whatsit models``."""
    app.command("push")(push)
    app.command("pull")(pull)


def push(
    ref: _Ref, destination: _Destination, store: StoreOption = None, why: WhyOption = "", as_json: JsonOption = False
) -> None:
    """Copy a version into another store, or into one file.

    It keeps its number, and nothing happens where it is there already; a number that another version has is refused.
    No alias moves.

    Example: whatsit models push cifar10@3 s3://bucket/models
    """
    source = open_store(store)
    resolved = source.resolve(parse_ref(ref))
    with _busy(f"pushing {resolved.name}@{resolved.version}"):
        if destination.endswith(SUFFIX):
            fresh = export(source, resolved.name, resolved.version, Path(destination))
        else:
            why = why or f"pushed from {source.location}"
            fresh = copy(source, resolved.name, resolved.version, open_store(destination), who=who(), why=why)
    _tell(resolved.name, resolved.version, destination, fresh=fresh, as_json=as_json)


def pull(
    source: _Source,
    ref: Annotated[str | None, typer.Argument(help="Of a store: name, name@version or name@alias.")] = None,
    store: StoreOption = None,
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take in a version from another store, or from a file, once it is proved.

    It keeps its number, and nothing happens where it is there already; a number that another version has is refused.
    No alias moves: `whatsit models promote` lets one name it.

    Example: whatsit models pull s3://bucket/models cifar10@production --store my-store
    """
    destination = open_store(store)
    why = why or f"pulled from {source}"
    if source.endswith(SUFFIX):
        with _busy(f"pulling {source}"):
            manifest, fresh = take_in(Path(source), destination, who=who(), why=why)
        name, version = manifest.name, manifest.version
    else:
        if ref is None:
            raise typer.BadParameter(f"say which version: whatsit models pull {source} name@version")
        place = open_store(source)
        resolved = place.resolve(parse_ref(ref))
        name, version = resolved.name, resolved.version
        with _busy(f"pulling {name}@{version}"):
            fresh = copy(place, name, version, destination, who=who(), why=why)
    _tell(name, version, str(destination.location), fresh=fresh, as_json=as_json)


def _busy(what: str) -> Status:
    """A sign that it goes on, for people."""
    return Console(stderr=True).status(what)


def _tell(name: str, version: int, destination: str, *, fresh: bool, as_json: bool) -> None:
    if as_json:
        print_json({"model": name, "version": version, "destination": destination, "copied": fresh})
    else:
        typer.echo(f"{name}@{version} {'is now' if fresh else 'was already'} in {destination}")
