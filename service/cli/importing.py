"""``whatsit models import``."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.audit import who
from models.errors import ImportRefused
from models.golden_folder import read_golden
from models.importing.wanted import (
    AskedLayout,
    Colour,
    Filter,
    Preprocessing,
    Resize,
    Softmax,
    Wanted,
    read_numbers,
    read_size,
)
from models.labels import read_labels
from models.policy import read_policy
from models.promotion import terms_of
from service.cli.options import JsonOption, SignOption, StoreOption, WhyOption, open_store, print_json, signer_of

if TYPE_CHECKING:
    from models.importing.publish import Publication

HELP = """Make a version of an ONNX classifier that was trained elsewhere; docs/importing.md says more of frameworks.

Normalisation, layout and softmax go into its graph; it is refused where that answers otherwise than the file. The
version counts as not evaluated, and every answer is for review unless --threshold is given.

Example: whatsit models import net.onnx --name net --labels net.txt --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
"""
_SAMPLES = Path(__file__).parents[1] / "samples" / "cifar10"

_File = Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="The classifier.", exists=True, dir_okay=False)]
_Name = Annotated[str, typer.Option(help="The model that it becomes a version of.")]
_Labels = Annotated[
    Path, typer.Option(help="A text file of the classes, one a line, in the order of the outputs.", exists=True)
]
_Size = Annotated[str | None, typer.Option(help="Pixels that it takes: 224, or HEIGHTxWIDTH; where it does not say.")]
_Mean = Annotated[str, typer.Option(help="Of values from 0 to 1, for each channel or for all: 0.485,0.456,0.406.")]
_Std = Annotated[str, typer.Option(help="The standard deviation, likewise.")]
_Colour = Annotated[Colour | None, typer.Option(help="Its channels; by default rgb, or grey where there is one.")]
_Layout = Annotated[AskedLayout, typer.Option(help="Where its channels are.")]
_Resize = Annotated[Resize, typer.Option(help="How an image is brought to the size.")]
_CropFraction = Annotated[float, typer.Option(help="How much of the central part crop takes.")]
_Filter = Annotated[Filter, typer.Option("--filter", help="The filter of the resizing.")]
_Softmax = Annotated[Softmax, typer.Option(help="Whether a softmax is to follow its outputs.")]
_Output = Annotated[str | None, typer.Option(help="The output that the classes are, where there are several.")]
_Threshold = Annotated[float | None, typer.Option(min=0, max=1, help="The least score to accept; without it, none is.")]
_Golden = Annotated[Path | None, typer.Option(help="A folder of golden images; by default photographs of Whatsit's.")]
_Alias = Annotated[str | None, typer.Option(help="Let this alias name the new version.")]
_NewLabels = Annotated[bool, typer.Option("--new-labels", help="Move it even if the labels or their order change.")]
_Force = Annotated[bool, typer.Option("--force", help="Move it even if the gate refuses; takes --why.")]
_Description = Annotated[str, typer.Option(help="What it is, in a sentence.")]
_Source = Annotated[str, typer.Option(help="Where it is from, and its licence.")]


def import_(  # noqa: PLR0913, PLR0917 - one for each option
    file: _File,
    name: _Name,
    labels: _Labels,
    size: _Size = None,
    mean: _Mean = "0",
    std: _Std = "1",
    colour: _Colour = None,
    layout: _Layout = "auto",
    resize: _Resize = "crop",
    crop_fraction: _CropFraction = 0.875,
    filter_: _Filter = "bicubic",
    softmax: _Softmax = "auto",
    output: _Output = None,
    threshold: _Threshold = None,
    golden: _Golden = None,
    alias: _Alias = None,
    new_labels: _NewLabels = False,
    force: _Force = False,
    why: WhyOption = "",
    sign: SignOption = None,
    description: _Description = "",
    source: _Source = "not stated",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version of a classifier that was trained elsewhere; HELP says how."""
    place, publish_import, signer = open_store(store), _importer(), signer_of(sign)
    how = Preprocessing(*_numbers(size, mean, std), colour, layout, resize, crop_fraction, filter_)
    wanted = Wanted(_labels(labels), how, softmax, output, threshold, description, source)
    terms, examples = (
        terms_of(read_policy(), new_labels=new_labels, force=force, why=why),
        read_golden(golden or _SAMPLES),
    )
    made = publish_import(
        place, name, file, wanted, examples, alias=alias, terms=terms, who=who(), why=why, signer=signer
    )
    _show(made, place.bundle(name, made.manifest.version), alias, as_json=as_json)


def _importer() -> "Callable[..., Publication]":
    """What imports a classifier; raises ImportRefused where that is not installed."""
    if find_spec("onnx") is None:
        raise ImportRefused("importing needs onnx: pip install --editable '.[import]'")
    from models.importing.publish import publish_import

    return publish_import


def _numbers(
    size: str | None, mean: str, std: str
) -> tuple[tuple[int, int] | None, tuple[float, ...], tuple[float, ...]]:
    try:
        return None if size is None else read_size(size), read_numbers(mean), read_numbers(std)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _labels(file: Path) -> tuple[str, ...]:
    try:
        return read_labels(file)
    except ValueError as error:
        raise ImportRefused(f"{file}: {error}") from error


def _show(made: "Publication", folder: Path, alias: str | None, *, as_json: bool) -> None:
    manifest, imported, name = made.manifest, made.manifest.imported, f"{made.manifest.name}@{made.manifest.version}"
    if imported is None:
        raise TypeError(f"{name} was not imported")
    if as_json:
        facts = {"name": manifest.name, "version": manifest.version, "alias": alias, "folder": str(folder)}
        print_json(facts | {"imported": imported.model_dump(mode="json"), "warnings": made.warnings})
        return
    also = f", now {manifest.name}@{alias}" if alias else ""
    typer.echo(f"published {name}{also}: {', '.join(manifest.graphs)}, not evaluated; {folder}")
    typer.echo(
        f"its answers differ by at most {imported.difference:.2g} from those of the file, on {imported.compared} images"
    )
    if imported.freed_batch:
        typer.echo("it took a fixed number of images at a time, and now takes any")
    for warning in made.warnings:
        typer.echo(f"warning: {warning}")
