"""``whatsit models sign``."""

from pathlib import Path
from typing import Annotated

import typer

from models.audit import who
from models.refs import parse_ref
from models.signing import sign_version
from models.store import Store
from models.trust import read_signer
from service.cli.options import StoreOption, WhyOption, ask_password, open_store

_Key = Annotated[Path, typer.Option("--key", help="A PEM file of the private key.", exists=True, dir_okay=False)]


def sign(
    ref: Annotated[str, typer.Argument(help="name, name@version or name@alias")],
    key: _Key,
    store: StoreOption = None,
    why: WhyOption = "",
) -> None:
    """Sign a version, after proving it: the signature of its manifest, which holds the sha256 of every other file.

    Services with the setting require_signature open only versions that were signed by a key they know.

    Example: whatsit models sign cifar10@4 --key private.pem
    """
    signer = read_signer(key, ask_password)
    place = Store(open_store(store).location)  # which may ask for the signature that is to come
    resolved = place.resolve(parse_ref(ref))
    sign_version(place, resolved.name, resolved.version, signer, who=who(), why=why)
    typer.echo(f"{resolved.name}@{resolved.version}: signed")
