"""Publishing a finished run: everything about it goes into a bundle, and an alias may be moved to it."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from models.documents import REPORT
from models.errors import BundleError
from models.golden_folder import read_golden
from models.layout import graph_file
from models.manifest import Manifest, Precision, Provenance
from models.promotion import USUAL, Terms, check_promotion, promote
from models.publish import GraphFile, Release
from models.publish import publish as publish_release
from models.store import Store
from models.trust import Signer
from training.card import model_card
from training.nearby import check_run
from training.report.write import render_report
from training.run import Run
from training.variants.choose import graphs_of


@dataclass(frozen=True, slots=True)
class Contents:
    """What of a run goes into a version, where it is not what the run itself says.

    ``golden`` is a folder of golden images in place of those that training took from the test split. The report shows
    images of the data where ``report_images`` says so, by default where the recipe states a licence for them.
    ``precisions`` are the graphs, by default all that are good enough.
    """

    golden: Path | None = None
    report_images: bool | None = None
    precisions: Collection[Precision] = ()


def publish(  # noqa: PLR0913 - where to, how, and who says so
    run: Run,
    store: Store,
    name: str,
    contents: Contents = Contents(),
    *,
    alias: str | None = None,
    terms: Terms = USUAL,
    who: str,
    why: str = "",
    signer: Signer | None = None,
) -> Manifest:
    """Publish ``run``, signed by the ``signer``, as the next version of ``name`` and let ``alias`` name it, if any.

    Raises RunUnusable when the run is not finished, VariantFailed for a graph that is not to be published,
    GoldenUnusable for a folder of golden images that cannot be used, what publishing raises when the bundle does not
    prove itself, and what promotion raises: PromotionRefused where ``alias`` may not move there on these ``terms``.
    """
    check_run(run)
    why = why or f"trained by the recipe {run.info().recipe_name}"
    release = make_release(run, name, contents)
    if alias is not None:
        check_promotion(
            store, name, alias, release, terms=terms, signed=signer is not None
        )  # before anything is published
    manifest = publish_release(store, name, release, who=who, why=why, signer=signer)
    if alias is not None:
        promote(store, manifest, alias, who=who, why=why, terms=terms)
    return manifest


def published_before(store: Store, manifest: Manifest) -> int | None:
    """The first version before that of ``manifest`` that has the very same graphs, None where there is none."""
    for version in store.versions(manifest.name):
        try:
            earlier = store.manifest(manifest.name, version)
        except BundleError:  # nothing can be said of it
            continue
        if version < manifest.version and _graph_files(earlier) == _graph_files(manifest):
            return version
    return None


def _graph_files(manifest: Manifest) -> dict[Precision, str]:
    return {precision: manifest.files[graph.file] for precision, graph in manifest.graphs.items()}


def make_release(run: Run, name: str, contents: Contents = Contents()) -> Release:
    """What models.publish wants, read from the run's folder; numbers are those of the most exact graph of it."""
    recipe, record, graphs = run.recipe(), run.splits(), graphs_of(run, contents.precisions)
    reference = next(iter(graphs))
    calibration = run.calibration(reference)
    illustrated = bool(recipe.data.licence) if contents.report_images is None else contents.report_images
    return Release(
        labels=record.labels,
        input=recipe.input,
        graphs={
            precision: GraphFile(run.folder / graph_file(precision), measured) for precision, measured in graphs.items()
        },
        decision=calibration.decision,
        conformal=calibration.conformal,
        metrics=run.metrics(reference),
        provenance=_provenance(run),
        golden=read_golden(contents.golden or run.golden),
        documents={
            "MODEL_CARD.md": model_card(name, run, graphs),
            REPORT: render_report(run, name, contents.precisions, illustrated=illustrated),
        },
        description=recipe.description,
    )


def _provenance(run: Run) -> Provenance:
    recipe, record, info, history = run.recipe(), run.splits(), run.info(), run.history()
    check = run.check()
    return Provenance(
        recipe=recipe.published().model_dump(mode="json"),
        origin=info.origin,
        data=record.summary(),
        data_fingerprint=record.fingerprint,
        git_commit=info.first.git_commit,
        packages=info.first.packages,
        hardware=info.hardware(len(history)),
        precision=info.first.precision,
        starts=info.starts if len(info.starts) > 1 else (),
        training_seconds=round(sum(row.seconds for row in history), 3),
        epochs=len(history),
        temperature=run.calibration().temperature,
        data_check={} if check is None else check.summary(),
    )
