"""An imported classifier becomes a version that is served like any other, and says that it was not evaluated."""

from pathlib import Path

import pytest

from models.aliases import move_alias
from models.errors import ImportRefused, PromotionRefused
from models.importing.publish import publish_import
from models.importing.wanted import Wanted
from models.manifest import ACCEPTS_NOTHING, Manifest
from models.opening import open_version, prove_version
from models.policy import Policy
from models.postprocess import answer
from models.preprocess import load_pixels
from models.promotion import terms_of
from models.store import Store
from tests.models.importing.support import IMAGES, WANTED, half_precision, saved, wanted
from tests.support.bundles import publish_tiny
from tests.support.classifiers import classifier
from tests.support.images import encode, solid

# Nor may the gate ask it for what was measured of the incumbent.
NEW_LABELS = terms_of(Policy(), new_labels=True, force=True, why="a test needs it")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "store").mkdir()
    return Store(tmp_path / "store")


def imported(store: Store, how: Wanted = WANTED, **export: object) -> Manifest:
    path = saved(classifier(**export), store.location.parent)
    return publish_import(store, "colours", path, how, IMAGES, who="tests").manifest


def test_a_version_that_was_not_evaluated(store: Store) -> None:
    manifest = imported(store, wanted(description="Says which colour"))
    assert store.manifest("colours", 1) == manifest
    assert (manifest.metrics, manifest.provenance, manifest.accuracy) == (None, None, None)
    assert manifest.imported is not None
    assert manifest.imported.mean == WANTED.preprocessing.mean
    assert manifest.description == "Says which colour"
    prove_version(store, "colours", 1)


def test_every_answer_is_for_review_unless_a_threshold_is_given(store: Store) -> None:
    imported(store)
    imported(store, wanted(threshold=0.9))
    for version, threshold, decided in ((1, ACCEPTS_NOTHING, "review"), (2, 0.9, "accept")):
        opened = open_version(store, "colours", version)
        pixels = load_pixels(encode(solid("green", (30, 20)), "PNG"), opened.manifest.input)
        given = answer(opened.session.run(pixels[None])[0], opened.manifest, 1)
        assert (given.label, given.decision) == ("green", decided)
        assert opened.manifest.decision.threshold == threshold
    decision = store.manifest("colours", 2).decision
    assert (decision.accuracy, decision.coverage) == (None, None)  # nobody measured what it accepts


def test_half_precision_is_called_that(store: Store) -> None:
    path = saved(half_precision(), store.location.parent)
    manifest = publish_import(store, "colours", path, WANTED, IMAGES, who="tests").manifest
    assert list(manifest.graphs) == ["fp16"]
    assert open_version(store, "colours", 1, precision="auto").precision == "fp16"


def test_the_card_says_what_is_known(store: Store) -> None:
    imported(store, wanted(source="drawn by the tests, CC0", threshold=0.5), batch=1, reshape=[1, 3])
    card = (store.bundle("colours", 1) / "MODEL_CARD.md").read_text()
    for told in ("**It was not evaluated.**", "drawn by the tests, CC0", "pytorch 2.0.0", "at least 0.5 is accepted"):
        assert told in card
    imported(store)
    assert "every answer is for review" in (store.bundle("colours", 2) / "MODEL_CARD.md").read_text()


def test_an_alias_moves_only_to_the_same_labels(store: Store) -> None:
    publish_tiny(store.location, "colours", labels=("green", "red", "white"))
    move_alias(store, "colours", "production", 1, who="tests", why="")
    path = saved(classifier(), store.location.parent)
    with pytest.raises(PromotionRefused, match="new labels"):
        publish_import(store, "colours", path, WANTED, IMAGES, alias="production", who="tests")
    assert store.versions("colours") == [1]
    publish_import(store, "colours", path, WANTED, IMAGES, alias="production", terms=NEW_LABELS, who="tests")
    assert store.aliases("colours") == {"production": 2}


def test_nothing_remains_of_what_is_refused(store: Store) -> None:
    with pytest.raises(ImportRefused):
        imported(store, wanted(labels=("a", "b")))
    assert store.names() == []
