"""What the commands of training share: options, the look for torch, JSON."""

import json
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from models.locations import default_root, parse_location
from models.store import Store
from models.trust import Signer, keys_asked_for, read_signer, read_trusted
from training.errors import TrainingNotInstalled

# The packages of the extra `training`, which are imported by the same names.
_NEEDED = ("torch", "lightning", "onnx", "onnxscript", "jinja2", "kornia", "matplotlib", "scipy")

Data = Annotated[Path | None, typer.Option(help="Folder of the data; that of some recipes is downloaded.")]
TestData = Annotated[
    Path | None, typer.Option("--data", help="Folder of the data; else that of the run, or what the recipe downloads.")
]
Changes = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe.")]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="The folder of models and versions, or a URL such as s3://bucket/models.",
        envvar="WHATSIT_STORE",
    ),
]
SignKey = Annotated[
    Path | None, typer.Option("--sign", help="A PEM file of the private key to sign it with.", exists=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


class PrecisionName(StrEnum):
    """models.manifest.Precision once more: typer takes a list of an enumeration, not of a Literal."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


def require_torch() -> None:
    """Raise TrainingNotInstalled, which says what to install, where torch or what goes with it is missing."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise TrainingNotInstalled(
            f"training needs {', '.join(missing)}: make training, or pip install --editable '.[training]'"
        )


def open_store(store: str | None) -> Store:
    """The store that was asked for, else that of the installation, with the keys that must have signed its versions."""
    return Store(default_root() if store is None else parse_location(store), read_trusted(keys_asked_for()))


def signer_of(key: Path | None) -> Signer | None:
    """The private key in a file, for whose password is asked, where it has one."""
    return (
        None
        if key is None
        else read_signer(key, lambda: str(typer.prompt("password of the key", hide_input=True, err=True)))
    )


def print_json(content: object) -> None:
    """Facts for programs."""
    typer.echo(json.dumps(content, indent=2))
