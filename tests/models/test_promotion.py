"""An alias goes on to another version only where its clients can; it goes back without asking."""

from pathlib import Path

import pytest

from models.aliases import move_alias, rollback
from models.errors import Conflict, InvalidRef, PromotionRefused, ReasonMissing, VersionNotFound
from models.policy import Policy
from models.promotion import Terms, check_promotion, promote, terms_of
from models.store import Store
from tests.support.bundles import LABELS, metrics, publish_tiny, release

WHO = {"who": "me", "why": "to see"}
BLUE_FIRST = ("blue", "red", "green")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Versions 1 and 2 have the same labels, version 3 has them in another order; production names the first."""
    store = Store(tmp_path / "store")
    for labels in (LABELS, LABELS, BLUE_FIRST):
        publish_tiny(store.location, labels=labels)
    move_alias(store, "tiny", "production", 1, **WHO)
    return store


NEW_LABELS = Terms(new_labels=True)


def go(store: Store, version: int, alias: str = "production", **options: object) -> int | None:
    return promote(store, store.manifest("tiny", version), alias, **WHO, **options).before


def test_the_same_labels_are_promoted(store: Store) -> None:
    assert go(store, 2) == 1
    assert store.aliases("tiny") == {"production": 2}


def test_labels_in_another_order_are_refused_unless_meant(store: Store) -> None:
    with pytest.raises(PromotionRefused, match=r"than version 1 does: in another place: blue \(number 2 becomes 0\), "):
        go(store, 3)
    assert store.aliases("tiny") == {"production": 1}
    assert go(store, 3, terms=NEW_LABELS) == 1


def test_an_alias_that_is_new_may_name_anything(store: Store) -> None:
    assert go(store, 3, "next") is None


def test_going_back_needs_no_leave(store: Store) -> None:
    go(store, 3, terms=NEW_LABELS)
    assert rollback(store, "tiny", **WHO) == (3, 1)


def test_what_is_expected_is_what_is_compared_and_replaced(store: Store) -> None:
    go(store, 3, terms=NEW_LABELS)
    with pytest.raises(PromotionRefused):
        go(store, 2, expect=3)
    with pytest.raises(Conflict, match="names version 3, not version 1"):
        go(store, 2, expect=1)
    with pytest.raises(Conflict, match="names version 3, not no version"):
        go(store, 2, expect=None)
    assert go(store, 3, expect=3) == 3


def test_a_version_that_cannot_be_read_holds_up_no_cure(store: Store) -> None:
    (store.bundle("tiny", 1) / "manifest.json").write_text("{")
    assert go(store, 3) == 1
    (store.bundle("tiny", 3)).rename(store.location / "lost")
    assert go(store, 2) == 3


def test_a_release_is_compared_before_it_is_a_version(store: Store, tmp_path: Path) -> None:
    same, other = (release(tmp_path / "model.onnx", labels) for labels in (LABELS, BLUE_FIRST))
    assert check_promotion(store, "tiny", "production", same).before == 1
    assert check_promotion(store, "tiny", "next", other).before is None
    assert check_promotion(store, "fresh", "production", other).before is None
    with pytest.raises(PromotionRefused):
        check_promotion(store, "tiny", "production", other)
    with pytest.raises(InvalidRef):
        check_promotion(store, "tiny", "12", same)
    assert store.versions("tiny") == [1, 2, 3]


def test_of_many_changes_five_are_named(store: Store, tmp_path: Path) -> None:
    many = release(tmp_path / "model.onnx", (*LABELS, *(f"colour {number}" for number in range(9))))
    with pytest.raises(PromotionRefused, match="new: colour 0, colour 1, colour 2, colour 3, colour 4 and 4 more; if"):
        check_promotion(store, "tiny", "production", many)


def test_what_is_not_there_is_not_promoted(store: Store) -> None:
    manifest = store.manifest("tiny", 2)
    store.remove("tiny", 2, **WHO)
    with pytest.raises(VersionNotFound):
        promote(store, manifest, "production", **WHO)


def test_a_worse_version_is_refused_with_what_was_compared_unless_forced(store: Store) -> None:
    publish_tiny(store.location, metrics=metrics(accuracy=0.98))
    with pytest.raises(PromotionRefused, match=r"accuracy 0\.9800, at least 0\.9900 is asked for") as caught:
        go(store, 4)
    assert [check.passed for check in caught.value.checks if check.what == "accuracy"] == [False]
    assert store.aliases("tiny") == {"production": 1}
    assert go(store, 4, terms=Terms(force=True)) == 1
    assert [entry.forced for entry in store.history("tiny")][-1]


def test_one_that_needed_no_force_is_not_noted_as_forced(store: Store) -> None:
    go(store, 2, terms=Terms(force=True))
    assert store.history("tiny")[-1].forced is None


def test_the_first_version_of_an_alias_has_nobody_beside_it(store: Store) -> None:
    publish_tiny(store.location, metrics=metrics(accuracy=0.5))
    assert go(store, 4, "next") is None
    with pytest.raises(PromotionRefused, match="accuracy"):
        go(store, 4, "third", terms=Terms(Policy(min_accuracy=0.6)))


def test_a_shadow_need_not_be_good(store: Store) -> None:
    publish_tiny(store.location, metrics=metrics(accuracy=0.5))
    go(store, 1, "shadow")
    assert go(store, 4, "shadow") == 1


def test_force_takes_a_reason() -> None:
    with pytest.raises(ReasonMissing, match="say why"):
        terms_of(Policy(), new_labels=False, force=True, why=" ")
    assert terms_of(Policy(), new_labels=False, force=True, why="urgent").force
