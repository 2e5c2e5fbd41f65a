"""Publishing a finished run: everything about it goes into a bundle, and an alias may be moved to it."""

from pathlib import Path

from models.aliases import move_alias
from models.documents import REPORT
from models.manifest import Manifest, Provenance
from models.publish import GraphFile, Release
from models.publish import publish as publish_release
from models.refs import check_alias
from models.store import Store
from training.card import model_card
from training.golden import read_golden
from training.report.write import render_report
from training.run import Run


def publish(
    run: Run,
    store: Store,
    name: str,
    *,
    alias: str | None,
    golden: Path | None,
    who: str,
    report_images: bool | None = None,
) -> Manifest:
    """Publish ``run`` as the next version of ``name`` and let ``alias``, if any, name it.

    ``golden`` is a folder of golden images in place of those that training took from the test split. The report shows
    images of the data where ``report_images`` says so, by default where the recipe states a licence for them. Raises
    RunUnusable when the run is not finished, InvalidData for a folder of golden images that cannot be used, and
    what publishing raises when the bundle does not prove itself.
    """
    if alias is not None:
        check_alias(alias)  # before anything is published
    run.recipe()  # before run.json, for the better error
    why = f"trained by the recipe {run.info().recipe_name}"
    manifest = publish_release(store, name, make_release(run, name, golden, report_images), who=who, why=why)
    if alias is not None:
        move_alias(store, name, alias, manifest.version, who=who, why=why)
    return manifest


def make_release(run: Run, name: str, golden: Path | None, report_images: bool | None = None) -> Release:
    """What models.publish wants, read from the run's folder."""
    recipe, record, metrics, calibration = run.recipe(), run.splits(), run.metrics(), run.calibration()
    illustrated = bool(recipe.data.licence) if report_images is None else report_images
    return Release(
        labels=record.labels,
        input=recipe.input,
        graphs={"fp32": GraphFile(run.graph)},
        decision=calibration.decision,
        conformal=calibration.conformal,
        metrics=metrics,
        provenance=_provenance(run),
        golden=read_golden(golden or run.golden),
        documents={
            "MODEL_CARD.md": model_card(name, run),
            REPORT: render_report(run, name, illustrated=illustrated),
        },
        description=recipe.description,
    )


def _provenance(run: Run) -> Provenance:
    recipe, record, info, history = run.recipe(), run.splits(), run.info(), run.history()
    return Provenance(
        recipe=recipe.model_dump(mode="json"),
        data=record.summary(),
        data_fingerprint=record.fingerprint,
        git_commit=info.git_commit,
        packages=info.packages,
        hardware=info.hardware,
        training_seconds=round(sum(row.seconds for row in history), 1),
        epochs=len(history),
        temperature=run.calibration().temperature,
    )
