"""``whatsit publish``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from models.audit import who
from models.golden import read
from models.layout import GOLDEN_DIR
from models.locations import is_replaceable
from models.manifest import PRECISIONS, Manifest
from models.policy import read_policy
from models.promotion import terms_of
from models.store import Store
from training.cli.options import (
    Json,
    PrecisionName,
    SignKey,
    StoreOption,
    open_store,
    print_json,
    require_torch,
    signer_of,
)

_ReportImages = Annotated[
    bool | None, typer.Option("--report-images/--no-report-images", help="Images of the data in the report, or none.")
]
_NewLabels = Annotated[
    bool, typer.Option("--new-labels", help="Move the alias even if the labels or their order change.")
]
_Precisions = Annotated[
    list[PrecisionName] | None,
    typer.Option("--precision", help="A graph to publish, and others by giving it again; all that are good enough."),
]


def publish(  # noqa: PLR0913, PLR0917 - one for each option
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a finished run.")],
    name: Annotated[str, typer.Option(help="The model that this becomes a version of.")],
    alias: Annotated[str | None, typer.Option(help="Let this alias name the new version.")] = None,
    new_labels: _NewLabels = False,
    force: Annotated[
        bool, typer.Option("--force", help="Move the alias even if the gate refuses; takes --why.")
    ] = False,
    why: Annotated[str, typer.Option("--why", help="The reason, for the audit log.")] = "",
    golden: Annotated[Path | None, typer.Option(help="Golden images in place of those of the test split.")] = None,
    precisions: _Precisions = None,
    report_images: _ReportImages = None,
    sign: SignKey = None,
    store: StoreOption = None,
    as_json: Json = False,
) -> None:
    """Publish a finished run as the next version of a model.

    One image of each class, of the test split, becomes part of the version: whoever gets it gets them too, and proves
    by them that it answers as it did here. --golden takes images that may be given away instead; its folder may say in
    SOURCES.toml where they are from: a table [images] with a line "cat.png" = "origin, licence" for each.

    The report shows its worst mistakes as images where the recipe states a licence in data.licence, or where
    --report-images says that you may publish them.

    Graphs of lower precision go along where training made them and they lose at most one point of test accuracy.
    Without the one of float32 a version is a quarter as large; its numbers are then those of what it has.

    Nothing is published where --alias names a version with other labels, for clients would meet others than they know,
    or where the gate ([promotion] in whatsit.toml) finds the new version worse than that one.

    Example: whatsit publish runs/folder --name scenery --alias production --precision int8
    """
    require_torch()
    from training.release import Contents, publish
    from training.run import Run

    place = open_store(store)
    contents = Contents(golden, report_images, [name for name in PRECISIONS if name in (precisions or ())])
    terms = terms_of(read_policy(), new_labels=new_labels, force=force, why=why)
    signer = signer_of(sign)
    manifest = publish(Run(run), place, name, contents, alias=alias, terms=terms, who=who(), why=why, signer=signer)
    _show(manifest, alias, place, golden, as_json=as_json)


def _show(manifest: Manifest, alias: str | None, store: Store, golden: Path | None, *, as_json: bool) -> None:
    name, accuracy, warnings = manifest.name, manifest.accuracy, list(_warnings(manifest, store))
    where = f"{store.location}/{name}/{manifest.version}"
    images = len(read(store.bundle(name, manifest.version)).images)
    if as_json:
        facts = {"name": name, "version": manifest.version, "alias": alias, "accuracy": accuracy}
        origin = {"golden_images": images, "golden_from": "the test split" if golden is None else str(golden)}
        graphs = {"precisions": list(manifest.graphs), "folder": where}
        print_json(facts | {"warning": "; ".join(warnings) or None} | graphs | origin)
        return
    also = f", now {name}@{alias}" if alias else ""
    graph_names = ", ".join(manifest.graphs)
    typer.echo(f"published {name}@{manifest.version}{also}: {graph_names}, {accuracy:.2%}; {where}")
    if golden is None:
        proof = f"golden images, which prove it ({where}/{GOLDEN_DIR})"
        typer.echo(f"of the test split {images} images are part of it, as {proof}; --golden DIR takes others")
    for warning in warnings:
        typer.echo(f"warning: {warning}")


def _warnings(manifest: Manifest, store: Store) -> Iterator[str]:
    from training.release import published_before
    from training.review import why_all_for_review

    validation = manifest.provenance.data["images"]["validation"] if manifest.provenance else 0
    if (review := why_all_for_review(manifest.decision, validation)) is not None:
        yield review
    if (before := published_before(store, manifest)) is not None:
        yield (
            f"{manifest.name}@{before} has the very same graphs, so that this version answers as that one does; "
            "`whatsit models promote` moves an alias without a new version"
        )
    if is_replaceable(store.location):
        yield (
            f"{store.location} belongs to the installation and may be lost with the next one: give --store DIR, with "
            "every command, or set WHATSIT_STORE"
        )
