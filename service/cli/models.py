"""``whatsit models``: look at a store and change what its aliases name."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.audit import who
from models.documents import REPORT
from models.errors import BundleError, WhatsitError
from models.manifest import ACCEPTS_NOTHING, Graph, Imported, Manifest, Precision, Provenance
from models.opening import prove_version
from models.refs import Ref, parse_ref
from models.store import Store
from service.cli import rollout, shadow, transfer
from service.cli.options import JsonOption, StoreOption, WhyOption, open_store, print_json

app = typer.Typer(help="Look at a store and change what its aliases name.", no_args_is_help=True)
rollout.register(app)
transfer.register(app)
app.command("shadow")(shadow.shadow)

_MOST_LABELS = 50

_Ref = Annotated[str, typer.Argument(help="name, name@version or name@alias")]


@app.command("list")
def list_(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List all versions of all models.

    Example: whatsit models list --store my-store
    """
    place = open_store(store)
    rows = [_row(place, name, version) for name in place.names() for version in place.versions(name)]
    if as_json:
        print_json(rows)
        return
    table = Table("model", "version", "aliases", "classes", "accuracy", "published")
    for row in rows:
        table.add_row(*map(_cell, _told(row).values()))
    Console().print(table)


@app.command()
def show(ref: _Ref, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show what one version is; with --json all of its manifest.

    Example: whatsit models show cifar10@production
    """
    place = open_store(store)
    resolved = place.resolve(parse_ref(ref))
    manifest = place.manifest(resolved.name, resolved.version)
    if as_json:
        typer.echo(manifest.model_dump_json(indent=2))
        return
    table = Table(show_header=False)
    facts = _told(_row(place, resolved.name, resolved.version)) | {
        "description": manifest.description,
        "labels": _labels(manifest.labels),
        "graphs": [_graph(precision, graph) for precision, graph in manifest.graphs.items()],
        "input": f"{manifest.input.width} x {manifest.input.height} {manifest.input.colour}",
        **_answers(manifest),
        "macro F1": manifest.metrics and manifest.metrics.macro_f1,
        "commit": manifest.provenance and _commits(manifest.provenance),
        "imported": manifest.imported and _imported(manifest.imported),
        "report": f"{place.location}/{manifest.name}/{manifest.version}/{REPORT}" if REPORT in manifest.files else None,
    }
    for name, value in facts.items():
        table.add_row(name, _cell(value))
    Console().print(table)


@app.command()
def verify(
    ref: Annotated[str | None, typer.Argument(help="A ref; all versions when left out.")] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="A PEM file of public keys, one of which must have signed.", exists=True, dir_okay=False),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove versions as the service does: who signed them, checksums, and of every graph signature and golden images.

    Who signed them counts where --key or the setting require_signature names the keys that may. Exit code 1 when one
    of them is refused.

    Example: whatsit models verify cifar10 --key public.pem
    """
    place = open_store(store, key)
    if ref is None:
        keys = [(name, version) for name in place.names() for version in place.versions(name)]
    else:
        resolved = place.resolve(parse_ref(ref))
        keys = [(resolved.name, resolved.version)]
    proofs = [{"model": name, "version": version, "refused": _refusal(place, name, version)} for name, version in keys]
    if as_json:
        print_json(proofs)
    else:
        for proof in proofs:
            proved = "proved, and signed" if place.trusted else "proved"
            outcome = proved if proof["refused"] is None else f"refused: {proof['refused']}"
            typer.echo(f"{proof['model']}@{proof['version']}: {outcome}")
    if any(proof["refused"] is not None for proof in proofs):
        raise typer.Exit(1)


@app.command()
def remove(ref: _Ref, store: StoreOption = None, why: WhyOption = "") -> None:
    """Delete a version that no alias names.

    Example: whatsit models remove cifar10@2
    """
    place = open_store(store)
    asked = parse_ref(ref)
    if asked.version is None:
        raise typer.BadParameter("say which version: name@version")
    place.remove(asked.name, asked.version, who=who(), why=why)
    typer.echo(f"{Ref(asked.name, asked.version)}: removed")


def _row(place: Store, name: str, version: int) -> dict[str, object]:
    aliases = [alias for alias, target in place.targets(name).items() if version in target.versions]
    row: dict[str, object] = {"model": name, "version": version, "aliases": aliases}
    try:
        manifest = place.manifest(name, version)
    except BundleError:  # one broken version must not hide the others
        return row | {"classes": None, "accuracy": None, "published": None}
    return row | {
        "classes": len(manifest.labels),
        "accuracy": manifest.accuracy,
        "published": manifest.created_at.date().isoformat(),
    }


def _told(row: dict[str, object]) -> dict[str, object]:
    """The row for people; of a version whose manifest cannot be read nothing is known."""
    return row | {"accuracy": "not evaluated"} if row["classes"] and row["accuracy"] is None else row


def _graph(precision: Precision, graph: Graph) -> str:
    if graph.measured is None:
        return precision
    facts = [f"{graph.measured.bytes / 1e6:.1f} MB", f"{graph.measured.accuracy:.2%}"]
    if graph.measured.speed_up is not None and precision != "fp32":
        facts.append(f"{graph.measured.speed_up:.1f} times as fast as fp32 on {graph.measured.hardware}")
    return f"{precision} ({', '.join(facts)})"


def _commits(provenance: Provenance) -> list[str] | None:
    """Those of all starts of its training."""
    commits = [start.git_commit for start in provenance.starts] or [provenance.git_commit]
    return [commit for commit in dict.fromkeys(commits) if commit] or None


def _labels(labels: tuple[str, ...]) -> list[str]:
    """The first ones of many."""
    more = [f"and {len(labels) - _MOST_LABELS:,} more (--json has all)"] if len(labels) > _MOST_LABELS else []
    return [*labels[:_MOST_LABELS], *more]


def _imported(imported: Imported) -> list[str]:
    """What a version was made of that was not trained here."""
    return [*imported.files, imported.producer, imported.source]


def _answers(manifest: Manifest) -> dict[str, object]:
    """What the version accepts, and what the candidates of its answers are."""
    decision, conformal = manifest.decision, manifest.conformal
    thresholds = zip(manifest.labels, decision.thresholds, strict=False)  # there may be none
    own = [f"{label} {_threshold(threshold)}" for label, threshold in thresholds]
    sets = (
        conformal and f"{conformal.mean_size:.2f} labels on average, {conformal.test_coverage:.2%} hold the right one"
    )
    nothing = not own and decision.threshold >= ACCEPTS_NOTHING
    none = _threshold(decision.threshold) + (": every answer is review" if nothing else "")
    return {"threshold": own or none, "candidates": sets}


def _threshold(threshold: float) -> str:
    return "none" if threshold >= ACCEPTS_NOTHING else f"{threshold:.3f}"


def _cell(value: object) -> str:
    if isinstance(value, list):
        return escape(", ".join(value))
    if isinstance(value, float):
        return f"{value:.4f}"
    return "-" if value is None else escape(str(value))


def _refusal(place: Store, name: str, version: int) -> str | None:
    """Why a version is refused, None when it is proved."""
    try:
        prove_version(place, name, version, anew=True)
    except WhatsitError as error:
        return str(error)
    return None
