"""What a store does is the same wherever it is: in a folder, in memory, in a bucket."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from models.aliases import move_alias, remove_alias, rollback, set_canary
from models.documents import read_document
from models.errors import Conflict, InvalidManifest, InvalidRef, ModelNotFound, StoreMissing, VersionNotFound
from models.layout import MANIFEST
from models.locations import Location
from models.opening import open_version, prove_version
from models.place import Brought
from models.pruning import prune
from models.publish import publish
from models.refs import parse_ref
from models.store import Store
from models.targets import Listing, Target
from tests.models.conftest import Open
from tests.support.bundles import release

WHO = {"who": "me", "why": "to see"}


def publish_tiny(store: Store, folder: Path, name: str = "tiny") -> int:
    return publish(store, name, release(folder / "graph.onnx"), **WHO).version


def publish_empty(store: Store, *, name: str = "tiny", times: int = 1, brought: Brought | None = None) -> None:
    """Versions without anything in them: aliases and logs do not look inside."""
    for _ in range(times):
        with store.place.draft(name, **WHO, brought=brought) as draft:
            (draft.folder / MANIFEST).write_text(f"{name} {draft.version}")


def at_once(works: list[Callable[[], object]]) -> list[object]:
    """What each of them returns, or the error that it raises, when all begin at the same moment."""
    begin, told = threading.Barrier(len(works)), [None] * len(works)

    def work(place: int) -> None:
        begin.wait()
        try:
            told[place] = works[place]()
        except Conflict as error:
            told[place] = error

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def test_what_is_published_can_be_found_read_and_opened(place: Store, tmp_path: Path) -> None:
    assert [publish_tiny(place, tmp_path) for _ in range(2)] == [1, 2]
    assert place.listings() == {"tiny": Listing("tiny", (1, 2), {})}
    assert place.manifest("tiny", 2).version == 2
    assert read_document(place, "tiny", 1, "MODEL_CARD.md").data == b"# Colours\n"
    assert open_version(place, "tiny", 2).manifest == place.manifest("tiny", 2)
    prove_version(place, "tiny", 1)
    assert [(one.action, one.after, one.who) for one in place.history("tiny")] == [
        ("publish", 1, "me"),
        ("publish", 2, "me"),
    ]


def test_a_place_with_nothing_in_it_is_no_store_and_stays_untouched(place: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="no store that can be read"):
        place.names()
    with pytest.raises(StoreMissing):
        place.listing("tiny")
    with pytest.raises(StoreMissing):
        move_alias(place, "tiny", "production", 1, **WHO)
    assert not (tmp_path / "store").exists()


def test_what_is_not_there_is_named(place: Store) -> None:
    publish_empty(place, times=2)
    with pytest.raises(ModelNotFound, match="no model 'other'; the store has: tiny"):
        place.bundle("other", 1)
    with pytest.raises(VersionNotFound, match="it has: 1, 2"):
        place.bundle("tiny", 3)
    with pytest.raises(VersionNotFound):
        place.read("tiny", 3, MANIFEST)
    with pytest.raises(InvalidRef):
        place.versions("../tiny")
    with pytest.raises(FileNotFoundError):
        place.read("tiny", 1, "report.html")


def test_a_draft_that_fails_is_nowhere_and_its_number_may_be_lost(place: Store) -> None:
    publish_empty(place)
    drafts = []

    def fail() -> None:
        with place.place.draft("tiny", **WHO) as draft:
            drafts.append(draft.folder)
            (draft.folder / MANIFEST).write_text("{")
            raise InvalidManifest("it is not good enough")

    with pytest.raises(InvalidManifest):
        fail()
    assert place.versions("tiny") == [1]
    assert not drafts[0].exists()
    publish_empty(place)
    assert place.versions("tiny")[-1] in {2, 3}


def test_what_another_store_object_does_is_seen_when_one_looks(place: Store, location: Location, open_at: Open) -> None:
    publish_empty(place, times=2)
    elsewhere = open_at(location)
    assert elsewhere.aliases("tiny") == {}
    move_alias(place, "tiny", "production", 1, **WHO)
    elsewhere.look()
    assert elsewhere.aliases("tiny") == {"production": 1}
    move_alias(elsewhere, "tiny", "production", 2, **WHO, expect=1)
    place.look()
    assert place.resolve(parse_ref("tiny")).version == 2


def test_aliases_move_canary_and_roll_back(place: Store) -> None:
    publish_empty(place, times=3)
    assert move_alias(place, "tiny", "production", 1, **WHO, expect=None) is None
    with pytest.raises(Conflict, match="look again, then decide"):
        move_alias(place, "tiny", "production", 3, **WHO, expect=2)
    assert move_alias(place, "tiny", "production", 2, **WHO, expect=1) == 1
    target = set_canary(place, "tiny", "production", 3, (95, 5), **WHO)
    assert place.targets("tiny") == {"production": target} == {"production": Target(2, 3, (95, 5))}
    with pytest.raises(Conflict, match="what production names"):
        place.remove("tiny", 3, **WHO)
    assert rollback(place, "tiny", **WHO) == (3, 2)
    assert rollback(place, "tiny", **WHO) == (2, 1)
    assert remove_alias(place, "tiny", "production", **WHO) == 1
    assert place.aliases("tiny") == {}
    actions = [one.action for one in place.history("tiny")[3:]]
    assert actions == ["move", "move", "canary", "end", "rollback", "unalias"]


def test_a_number_is_never_given_twice(place: Store) -> None:
    publish_empty(place, times=2)
    place.remove("tiny", 2, **WHO)
    assert place.versions("tiny") == [1]
    publish_empty(place)
    assert place.versions("tiny") == [1, 3]
    with pytest.raises(VersionNotFound):
        place.remove("tiny", 2, **WHO)
    for version in (3, 1):
        place.remove("tiny", version, **WHO)
    assert place.names() == []
    publish_empty(place)
    assert place.versions("tiny") == [4]


def test_old_versions_are_pruned(place: Store) -> None:
    publish_empty(place, times=5)
    for version in (1, 2):
        move_alias(place, "tiny", "production", version, **WHO)
    assert prune(place, "tiny", 1, **WHO) == [3, 4]
    assert place.versions("tiny") == [1, 2, 5]


def test_a_bundle_that_is_brought_keeps_its_number_unless_another_has_or_had_it(place: Store) -> None:
    publish_empty(place, brought=Brought(7, "a" * 64))
    publish_empty(place)
    assert place.versions("tiny") == [7, 8]
    publish_empty(place, brought=Brought(3, "b" * 64))
    place.remove("tiny", 8, **WHO)
    for version in (7, 8):
        with pytest.raises(Conflict, match="no number is given twice"):
            publish_empty(place, brought=Brought(version, "c" * 64))
    assert place.versions("tiny") == [3, 7]


def test_a_signature_is_kept_beside_the_manifest(place: Store, tmp_path: Path) -> None:
    publish_tiny(place, tmp_path)
    assert place.place.signature("tiny", 1) is None
    for signature in (b"1" * 64, b"2" * 64):
        place.place.sign("tiny", 1, signature, **WHO)
        assert place.place.signature("tiny", 1) == signature
        assert (place.bundle("tiny", 1) / "manifest.json.sig").read_bytes() == signature
    assert place.history("tiny")[-1].action == "sign"
    prove_version(place, "tiny", 1)


def test_of_those_who_expect_the_same_one_wins(place: Store, location: Location, open_at: Open) -> None:
    publish_empty(place, times=5)
    move_alias(place, "tiny", "production", 1, **WHO)

    def mover(version: int) -> Callable[[], object]:
        store = open_at(location)
        return lambda: move_alias(store, "tiny", "production", version, **WHO, expect=1)

    told = at_once([mover(version) for version in (2, 3, 4, 5)])
    assert sorted(type(each).__name__ for each in told) == ["Conflict", "Conflict", "Conflict", "int"]
    place.look()
    assert place.aliases("tiny") == {"production": 2 + told.index(1)}
    assert len(place.history("tiny")) == 7


def test_changes_of_different_things_at_the_same_moment_all_happen(
    place: Store, location: Location, open_at: Open
) -> None:
    publish_empty(place, times=2)
    publish_empty(place, name="other")

    def mover(name: str, alias: str) -> Callable[[], object]:
        store = open_at(location)
        return lambda: move_alias(store, name, alias, 1, **WHO)

    at_once([mover(name, alias) for name in ("tiny", "other") for alias in ("a", "b")])
    place.look()
    assert place.aliases("tiny") == place.aliases("other") == {"a": 1, "b": 1}


def test_those_who_publish_at_once_get_different_numbers(place: Store, location: Location, open_at: Open) -> None:
    def publisher() -> Callable[[], object]:
        store = open_at(location)
        return lambda: publish_empty(store)

    at_once([publisher() for _ in range(4)])
    place.look()
    assert place.versions("tiny") == [1, 2, 3, 4]
    assert {place.read("tiny", version, MANIFEST) for version in range(1, 5)} == {
        f"tiny {version}".encode() for version in range(1, 5)
    }


def test_what_somebody_holds_is_not_removed(place: Store) -> None:
    publish_empty(place, times=2)
    place.hold("tiny", 1, "one")
    place.hold("tiny", 1, "one")
    place.hold("tiny", 1, "two")
    place.release("tiny", 1, "two")
    place.release("tiny", 1, "nobody")
    assert (place.place.holders("tiny", 1), place.place.holders("tiny", 2)) == (["one"], [])
    with pytest.raises(Conflict, match="1 unfinished jobs"):
        place.remove("tiny", 1, **WHO)
    assert prune(place, "tiny", 1, **WHO) == []
    place.release("tiny", 1, "one")
    assert prune(place, "tiny", 1, **WHO) == [1]
    with pytest.raises(VersionNotFound):
        place.hold("tiny", 1, "late")
    with pytest.raises(VersionNotFound):
        place.hold("nobody", 1, "late")


def test_who_died_holds_nothing_for_ever(place: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_empty(place)
    place.hold("tiny", 1, "dead")
    for module in ("folder", "bucket.place"):
        monkeypatch.setattr(f"models.{module}.HELD_FOR", timedelta(seconds=-5))
    place.remove("tiny", 1, **WHO)
