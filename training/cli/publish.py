"""``whatsit publish``."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from models.store import Store, default_root
from training.cli.options import Json, StorePath, print_json, require_torch

_ReportImages = Annotated[
    bool | None, typer.Option("--report-images/--no-report-images", help="Images of the data in the report, or none.")
]


def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a finished run.")],
    name: Annotated[str, typer.Option(help="The model that this becomes a version of.")],
    alias: Annotated[str | None, typer.Option(help="Let this alias name the new version.")] = None,
    golden: Annotated[Path | None, typer.Option(help="Golden images in place of those of the test split.")] = None,
    report_images: _ReportImages = None,
    store: StorePath = None,
    as_json: Json = False,
) -> None:
    """Publish a finished run as the next version of a model.

    The folder of --golden may say in SOURCES.toml where its images are from: a table [images] with a line
    "cat.png" = "origin, licence" for each.

    The report shows its worst mistakes as images where the recipe states a licence in data.licence; else it names them,
    unless --report-images says that you may publish them.

    Example: whatsit publish runs/folder --name scenery --alias production
    """
    require_torch()
    from training.release import publish
    from training.run import Run

    place = Store(store or default_root())
    manifest = publish(
        Run(run), place, name, alias=alias, golden=golden, who=getpass.getuser(), report_images=report_images
    )
    facts = {
        "name": name,
        "version": manifest.version,
        "alias": alias,
        "accuracy": manifest.metrics.accuracy,
        "folder": str(place.bundle(name, manifest.version)),
    }
    if as_json:
        print_json(facts)
        return
    also = f", now {name}@{alias}" if alias else ""
    typer.echo(f"published {name}@{manifest.version}{also}: {manifest.metrics.accuracy:.2%}; {facts['folder']}")
