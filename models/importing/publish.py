"""Publishing a classifier that was trained elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from models.golden import GoldenImage
from models.importing.card import model_card
from models.importing.convert import Converted, convert
from models.importing.wanted import Wanted
from models.layout import graph_file
from models.manifest import ACCEPTS_NOTHING, Decision, Manifest
from models.promotion import USUAL, Terms, check_promotion, promote
from models.publish import GraphFile, Release, publish
from models.store import Store
from models.trust import Signer

CARD = "MODEL_CARD.md"


@dataclass(frozen=True, slots=True)
class Publication:
    """The manifest of the version that a classifier became, and what to mind of it."""

    manifest: Manifest
    warnings: tuple[str, ...]


def publish_import(  # noqa: PLR0913 - keywords name themselves
    store: Store,
    name: str,
    path: Path,
    wanted: Wanted,
    golden: Sequence[GoldenImage],
    *,
    alias: str | None = None,
    terms: Terms = USUAL,
    who: str,
    why: str = "",
    signer: Signer | None = None,
) -> Publication:
    """Publish the ONNX classifier at ``path``, signed by the ``signer``, as the next version of ``name``.

    ``alias``, if any, names it then.

    Raises what ``convert`` raises, what publishing raises when the bundle does not prove itself, and what promotion
    raises: PromotionRefused where ``alias`` may not move there on these ``terms``.
    """
    why = why or f"imported from {path.name}"
    converted = convert(path, wanted, golden)
    with TemporaryDirectory(prefix="whatsit-import-") as folder:
        release = _release(name, wanted, converted, golden, Path(folder))
        if alias is not None:
            check_promotion(
                store, name, alias, release, terms=terms, signed=signer is not None
            )  # before anything is published
        manifest = publish(store, name, release, who=who, why=why, signer=signer)
    if alias is not None:
        promote(store, manifest, alias, who=who, why=why, terms=terms)
    return Publication(manifest, converted.warnings)


def _release(name: str, wanted: Wanted, converted: Converted, golden: Sequence[GoldenImage], folder: Path) -> Release:
    graph = folder / graph_file(converted.precision)
    graph.write_bytes(converted.graph)
    return Release(
        labels=wanted.labels,
        input=converted.spec,
        graphs={converted.precision: GraphFile(graph)},
        decision=_decision(wanted.threshold),
        metrics=None,
        provenance=None,
        imported=converted.imported,
        golden=golden,
        documents={CARD: model_card(name, wanted, converted)},
        description=wanted.description,
    )


def _decision(threshold: float | None) -> Decision:
    """Nothing is accepted unless a person says from which score on; how many of these are right nobody measured."""
    if threshold is None:
        return Decision(threshold=ACCEPTS_NOTHING, accuracy=0, coverage=0)
    return Decision(threshold=threshold, accuracy=None, coverage=None)
