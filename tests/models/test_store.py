"""Finding versions in a folder that people and crashes also write to."""

import json
import shutil
from pathlib import Path

import pytest

from models.aliases import move_alias
from models.errors import (
    AliasNotFound,
    Conflict,
    InvalidManifest,
    InvalidRef,
    ModelNotFound,
    StoreUnavailable,
    VersionNotFound,
)
from models.refs import parse_ref
from models.store import Resolved, Store
from tests.support.bundles import publish_tiny


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of one model and one of another."""
    root = tmp_path_factory.mktemp("store") / "store"
    for name in ("tiny", "tiny", "another"):
        publish_tiny(root, name)
    return root


@pytest.fixture
def store(published: Path, tmp_path: Path) -> Store:
    """A copy to change."""
    shutil.copytree(published, tmp_path / "store")
    return Store(tmp_path / "store")


def pretend(store: Store, name: str, *versions: str) -> None:
    for version in versions:
        (store.location / name / version).mkdir(parents=True)


def resolve(store: Store, ref: str) -> Resolved:
    return store.resolve(parse_ref(ref))


def test_names_and_versions(store: Store) -> None:
    assert store.names() == ["another", "tiny"]
    assert store.versions("tiny") == [1, 2]
    assert store.manifest("tiny", 2).version == 2
    assert store.bundle("tiny", 2) == store.location / "tiny" / "2"


def test_versions_are_compared_as_numbers(store: Store) -> None:
    pretend(store, "tiny", "10", "9", "100")
    assert store.versions("tiny") == [1, 2, 9, 10, 100]
    assert resolve(store, "tiny").version == 100
    assert publish_tiny(store.location).version == 101


def test_a_store_that_is_not_there_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("nowhere", "file"):
        with pytest.raises(StoreUnavailable, match="is no store that can be read"):
            Store(tmp_path / place).names()
    with pytest.raises(ModelNotFound, match="the store has: none"):
        Store(tmp_path).versions("tiny")


def test_asking_leaves_no_trace(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.location.mkdir()
    for ask in (lambda: store.versions("tiny"), lambda: move_alias(store, "tiny", "a", 1, who="w", why="w")):
        with pytest.raises(ModelNotFound):
            ask()
    with pytest.raises(ModelNotFound):
        store.remove("tiny", 1, who="w", why="w")
    assert list(store.location.iterdir()) == []


@pytest.mark.parametrize(
    "junk",
    ["Tiny", "README.md", ".git", "lost+found", "a b", "ü", "x²", "_x", "empty", "a" * 65, "with-files-only"],
)
def test_what_else_lies_in_a_store_is_no_model(store: Store, junk: str) -> None:
    if junk.endswith(".md"):
        (store.location / junk).write_text("Read me")
    elif junk == "empty":
        (store.location / junk).mkdir()
    elif junk == "with-files-only":
        (store.location / junk).mkdir()
        (store.location / junk / "1").write_text("a file is no version")
    else:
        pretend(store, junk, "1")
    assert store.names() == ["another", "tiny"]


@pytest.mark.parametrize(
    "junk", ["0", "007", "01", "-1", "1.0", "v3", "²", "\u0663", "1000000000", ".unfinished-9", "9 "]
)
def test_what_else_lies_beside_versions_is_none(store: Store, junk: str) -> None:
    pretend(store, "tiny", junk)
    assert store.versions("tiny") == [1, 2]
    assert publish_tiny(store.location).version == 3


def test_a_file_that_has_the_name_of_the_next_version_is_not_overwritten(store: Store) -> None:
    (store.location / "tiny" / "3").write_text("somebody's notes")
    assert store.versions("tiny") == [1, 2]
    assert publish_tiny(store.location).version == 4
    assert (store.location / "tiny" / "3").read_text() == "somebody's notes"


@pytest.mark.parametrize("name", ["..", "../tiny", "tiny/1", "/etc", "", "Tiny", "tiny\0", "tiny\n", "."])
def test_no_name_leaves_the_store(store: Store, name: str) -> None:
    for ask in (
        store.versions,
        store.aliases,
        lambda text: store.bundle(text, 1),
        lambda text: store.manifest(text, 1),
    ):
        with pytest.raises(InvalidRef):
            ask(name)


@pytest.mark.parametrize("version", [0, -1, 3, 10**9, 10**30])
def test_a_version_that_is_not_there_is_named_with_those_that_are(store: Store, version: int) -> None:
    with pytest.raises(VersionNotFound, match="it has: 1, 2"):
        store.bundle("tiny", version)


def test_a_name_alone_is_production_else_the_newest(store: Store) -> None:
    assert resolve(store, "tiny") == Resolved("tiny", 2, None)
    move_alias(store, "tiny", "production", 1, who="w", why="w")
    assert resolve(store, "tiny") == Resolved("tiny", 1, "production")
    assert resolve(store, "tiny@2") == Resolved("tiny", 2, None)
    assert resolve(store, "tiny@1") == Resolved("tiny", 1, None)


def test_refs_that_lead_nowhere(store: Store) -> None:
    move_alias(store, "tiny", "canary", 2, who="w", why="w")
    with pytest.raises(ModelNotFound, match="'nobody'; the store has: another, tiny"):
        resolve(store, "nobody")
    with pytest.raises(AliasNotFound, match="no alias 'stable'; it has: canary"):
        resolve(store, "tiny@stable")
    with pytest.raises(AliasNotFound, match="it has: none"):
        resolve(store, "another@stable")
    with pytest.raises(VersionNotFound):
        resolve(store, "tiny@3")


def test_a_change_by_another_process_is_seen_at_once(store: Store) -> None:
    elsewhere = Store(store.location)
    publish_tiny(store.location)
    move_alias(store, "tiny", "production", 3, who="w", why="w")
    assert resolve(elsewhere, "tiny").version == 3


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"production": 0}', '{"production": -1}', '{"production": null}', "\0"]
)
def test_a_broken_table_of_aliases_is_named(store: Store, content: str) -> None:
    (store.location / "tiny" / "aliases.json").write_text(content)
    with pytest.raises(InvalidManifest, match=r"tiny/aliases\.json"):
        resolve(store, "tiny")
    assert resolve(store, "tiny@1").version == 1


def test_a_folder_in_the_place_of_the_aliases_is_named(store: Store) -> None:
    (store.location / "tiny" / "aliases.json").mkdir()
    with pytest.raises(InvalidManifest, match=r"tiny/aliases\.json"):
        store.aliases("tiny")


def test_an_alias_of_a_version_that_is_gone_is_named(store: Store) -> None:
    (store.location / "tiny" / "aliases.json").write_text(json.dumps({"production": 7}))
    with pytest.raises(VersionNotFound, match="no version 7"):
        resolve(store, "tiny")


def test_a_version_without_a_manifest_is_named(store: Store) -> None:
    pretend(store, "tiny", "3")
    with pytest.raises(InvalidManifest, match="tiny@3"):
        store.manifest("tiny", 3)


class TestRemove:
    def test_a_version_goes_whole(self, store: Store) -> None:
        store.remove("tiny", 1, who="w", why="w")
        assert store.versions("tiny") == [2]
        assert not [path for path in (store.location / "tiny").iterdir() if path.name.startswith(".unfinished")]

    def test_its_number_is_never_used_again(self, store: Store) -> None:
        store.remove("tiny", 2, who="w", why="w")
        assert publish_tiny(store.location).version == 3
        store.remove("tiny", 3, who="w", why="w")
        store.remove("tiny", 1, who="w", why="w")
        assert store.names() == ["another"]
        assert publish_tiny(store.location).version == 4

    def test_what_an_alias_names_stays(self, store: Store) -> None:
        move_alias(store, "tiny", "production", 1, who="w", why="w")
        move_alias(store, "tiny", "canary", 1, who="w", why="w")
        with pytest.raises(Conflict, match="canary, production"):
            store.remove("tiny", 1, who="w", why="w")
        assert store.versions("tiny") == [1, 2]

    def test_what_is_not_there_cannot_go(self, store: Store) -> None:
        with pytest.raises(VersionNotFound):
            store.remove("tiny", 3, who="w", why="w")
