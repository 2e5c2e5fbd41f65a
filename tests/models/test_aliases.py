"""Aliases move by compare-and-set, one after the other, and can go back."""

import json
import time
from pathlib import Path

import pytest

from models.aliases import end_canary, move_alias, rollback, set_canary, versions_before
from models.audit import Entry, append, entries, locked
from models.errors import Conflict, InvalidManifest, InvalidRef, ModelNotFound, VersionNotFound
from models.store import Store
from models.targets import Target
from tests.support.processes import go_together, kill, start, wait_for

WHO = {"who": "me", "why": "to see"}
RACER = """
import sys
from pathlib import Path
from models.aliases import move_alias
from models.errors import RegistryError
from models.store import Store
store, version, expect = Store(Path(sys.argv[1])), int(sys.argv[2]), eval(sys.argv[3])
print("ready", flush=True)
input()
try:
    move_alias(store, "tiny", "production", version, expect=expect, who=f"racer {version}", why="to win")
    print("won")
except RegistryError as error:
    print(type(error).__name__)
"""
MOVER = """
import sys
from itertools import cycle
from pathlib import Path
from models.aliases import move_alias
from models.store import Store
for version in cycle((1, 2, 3)):
    move_alias(Store(Path(sys.argv[1])), "tiny", "production", version, who="mover", why="never at rest")
    print("moved", flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A model with four versions, all empty: aliases do not look inside."""
    for version in "1234":
        (tmp_path / "store" / "tiny" / version).mkdir(parents=True)
    return Store(tmp_path / "store")


def production(store: Store) -> int | None:
    return store.aliases("tiny").get("production")


def move(store: Store, *versions: int, alias: str = "production") -> None:
    for version in versions:
        move_alias(store, "tiny", alias, version, **WHO)


def test_a_move_returns_what_stood_before(store: Store) -> None:
    assert move_alias(store, "tiny", "production", 1, **WHO) is None
    assert move_alias(store, "tiny", "production", 3, **WHO) == 1
    assert store.aliases("tiny") == {"production": 3}


def test_aliases_do_not_touch_each_other(store: Store) -> None:
    move(store, 1)
    move(store, 2, alias="canary")
    assert store.aliases("tiny") == {"canary": 2, "production": 1}


@pytest.mark.parametrize(
    ("stands", "expect", "passes"),
    [
        (None, None, True),
        (None, 1, False),
        (1, 1, True),
        (1, 2, False),
        (1, None, False),
        (1, "any", True),
        (None, "any", True),
    ],
)
def test_expect_is_compared_with_what_stands(store: Store, stands: int | None, expect: object, passes: bool) -> None:
    if stands is not None:
        move(store, stands)
    if passes:
        move_alias(store, "tiny", "production", 3, expect=expect, **WHO)
        assert production(store) == 3
    else:
        with pytest.raises(Conflict, match="look again, then decide"):
            move_alias(store, "tiny", "production", 3, expect=expect, **WHO)
        assert production(store) == stands
        assert [one.action for one in entries(store.location / "tiny")].count("move") == (stands is not None)


def test_what_an_alias_cannot_be_or_name(store: Store) -> None:
    for alias in ("", "3", "Production", "../x", "a/b", "a\n"):
        with pytest.raises(InvalidRef):
            move_alias(store, "tiny", alias, 1, **WHO)
    for version in (0, -1, 5):
        with pytest.raises(VersionNotFound):
            move_alias(store, "tiny", "production", version, **WHO)
    with pytest.raises(ModelNotFound):
        move_alias(store, "nobody", "production", 1, **WHO)
    assert store.aliases("tiny") == {}


def test_every_move_is_in_the_log(store: Store) -> None:
    move(store, 1, 2)
    rollback(store, "tiny", **WHO)
    log = [(one.action, one.alias, one.before, one.after) for one in entries(store.location / "tiny")]
    assert log == [
        ("move", "production", None, 1),
        ("move", "production", 1, 2),
        ("rollback", "production", 2, 1),
    ]


class TestRollback:
    def test_it_goes_back_step_by_step(self, store: Store) -> None:
        move(store, 1, 2, 3)
        assert rollback(store, "tiny", **WHO) == (3, 2)
        assert rollback(store, "tiny", **WHO) == (2, 1)
        assert production(store) == 1
        with pytest.raises(Conflict, match="no earlier version"):
            rollback(store, "tiny", **WHO)

    def test_there_and_back_again_does_not_turn_in_a_circle(self, store: Store) -> None:
        move(store, 1, 2, 1)
        assert rollback(store, "tiny", **WHO) == (1, 2)
        assert rollback(store, "tiny", **WHO) == (2, 1)
        with pytest.raises(Conflict):
            rollback(store, "tiny", **WHO)

    def test_after_a_rollback_the_way_goes_on_from_there(self, store: Store) -> None:
        move(store, 1, 2)
        rollback(store, "tiny", **WHO)
        move(store, 3)
        assert rollback(store, "tiny", **WHO) == (3, 1)

    def test_a_move_to_the_same_version_is_no_step(self, store: Store) -> None:
        move(store, 1, 2, 2, 2)
        assert rollback(store, "tiny", **WHO) == (2, 1)

    def test_other_aliases_are_another_story(self, store: Store) -> None:
        move(store, 1, 2)
        move(store, 3, 4, alias="canary")
        assert rollback(store, "tiny", **WHO) == (2, 1)
        assert rollback(store, "tiny", alias="canary", **WHO) == (4, 3)

    def test_there_must_be_a_step_back(self, store: Store) -> None:
        with pytest.raises(Conflict, match="names no version"):
            rollback(store, "tiny", **WHO)
        move(store, 1)
        with pytest.raises(Conflict, match="names version 1"):
            rollback(store, "tiny", **WHO)
        with pytest.raises(ModelNotFound):
            rollback(store, "nobody", **WHO)

    def test_a_version_that_was_removed_is_not_gone_back_to(self, store: Store) -> None:
        move(store, 1, 2)
        store.remove("tiny", 1, **WHO)
        with pytest.raises(VersionNotFound):
            rollback(store, "tiny", **WHO)
        assert production(store) == 2

    @pytest.mark.parametrize("dead", [1, 2])
    def test_lines_about_moves_that_did_not_happen_are_seen_through(self, store: Store, dead: int) -> None:
        """The line is written first: whoever dies between the two leaves a line only."""
        move(store, 1, 2)
        for _ in range(dead):
            append(store.location / "tiny", Entry(action="move", alias="production", before=2, after=4, **WHO))
        assert rollback(store, "tiny", **WHO) == (2, 1)
        append(store.location / "tiny", Entry(action="move", alias="production", before=1, after=4, **WHO))
        move(store, 3)
        for _ in range(dead):
            append(store.location / "tiny", Entry(action="rollback", alias="production", before=3, after=1, **WHO))
        assert rollback(store, "tiny", **WHO) == (3, 1)
        with pytest.raises(Conflict):
            rollback(store, "tiny", **WHO)

    def test_a_log_that_begins_late_is_believed(self, store: Store) -> None:
        """A store that came without its log, as a shipped one may."""
        (store.location / "tiny" / "aliases.json").write_text('{"production": 2}')
        with pytest.raises(Conflict):
            rollback(store, "tiny", **WHO)
        move(store, 3)
        assert rollback(store, "tiny", **WHO) == (3, 2)


@pytest.mark.parametrize(("stands", "expect"), [(1, "1"), (None, "None")])
def test_of_those_who_expect_the_same_one_wins(store: Store, stands: int | None, expect: str) -> None:
    if stands is not None:
        move(store, stands)
    said = go_together(*(start(RACER, store.location, version, expect) for version in (2, 3, 4)))
    assert sorted(word for words in said for word in words) == ["Conflict", "Conflict", "won"]
    winner = 2 + said.index(["won"])
    assert production(store) == winner
    assert entries(store.location / "tiny")[-1].who == f"racer {winner}"


def test_a_version_that_goes_while_others_wait_is_not_named(store: Store) -> None:
    with locked(store.location / "tiny"):
        racer = start(RACER, store.location, 4, "None")
        wait_for(racer, "ready")
        racer.stdin.write("go\n")
        racer.stdin.flush()
        time.sleep(0.3)  # let it come to the lock
        (store.location / "tiny" / "4").rmdir()
    assert racer.communicate()[0].strip() == "VersionNotFound"
    assert production(store) is None


@pytest.mark.parametrize("moves", [1, 2, 5, 17])
def test_a_process_killed_while_it_moves_leaves_a_whole_table(store: Store, moves: int) -> None:
    mover = start(MOVER, store.location)
    for _ in range(moves):
        wait_for(mover, "moved")
    kill(mover)
    stands = production(store)
    assert stands in {1, 2, 3}
    assert stands in {one.after for one in entries(store.location / "tiny")[-2:]}
    move(store, 4)
    assert rollback(store, "tiny", **WHO) == (4, stands)


def test_a_canary_shares_the_requests_of_an_alias(store: Store) -> None:
    move(store, 3)
    target = set_canary(store, "tiny", "production", 4, (95, 5), **WHO, expect=3)
    assert store.targets("tiny") == {"production": target} == {"production": Target(3, 4, (95, 5))}
    assert json.loads((store.location / "tiny" / "aliases.json").read_text()) == {"production": {"3": 95, "4": 5}}
    assert production(store) == 3
    assert (store.history("tiny")[-1].action, store.history("tiny")[-1].weights) == ("canary", {3: 95, 4: 5})


def test_it_goes_beside_another_version_and_one_that_is_there(store: Store) -> None:
    with pytest.raises(Conflict, match="no version: a canary goes beside another"):
        set_canary(store, "tiny", "production", 4, (95, 5), **WHO)
    move(store, 3)
    with pytest.raises(Conflict, match="version 3: a canary"):
        set_canary(store, "tiny", "production", 3, (95, 5), **WHO)
    with pytest.raises(VersionNotFound):
        set_canary(store, "tiny", "production", 9, (95, 5), **WHO)
    with pytest.raises(Conflict, match="not version 1"):
        set_canary(store, "tiny", "production", 4, (95, 5), **WHO, expect=1)


def test_going_back_ends_a_canary_and_then_undoes_the_move_before(store: Store) -> None:
    move(store, 2, 3)
    set_canary(store, "tiny", "production", 4, (1, 1), **WHO)
    assert rollback(store, "tiny", **WHO) == (4, 3)
    assert store.targets("tiny") == {"production": Target(3)}
    assert rollback(store, "tiny", **WHO) == (3, 2)


def test_a_canary_that_is_promoted_goes_back_to_its_incumbent(store: Store) -> None:
    move(store, 3)
    set_canary(store, "tiny", "production", 4, (95, 5), **WHO)
    assert move_alias(store, "tiny", "production", 4, **WHO, expect=3) == 3
    assert rollback(store, "tiny", **WHO) == (4, 3)


def test_exactly_a_target_can_be_expected(store: Store) -> None:
    move(store, 3)
    stands = set_canary(store, "tiny", "production", 4, (95, 5), **WHO)
    with pytest.raises(Conflict, match=r"0\.05 of the requests at version 4, not version 3, with 0\.5"):
        rollback(store, "tiny", **WHO, expect=Target(3, 4, (1, 1)))
    assert rollback(store, "tiny", **WHO, expect=stands) == (4, 3)
    with pytest.raises(Conflict, match="names version 3, not version 3, with"):
        rollback(store, "tiny", **WHO, expect=stands)


def test_a_version_that_is_a_canary_is_not_removed(store: Store) -> None:
    move(store, 3)
    set_canary(store, "tiny", "production", 4, (95, 5), **WHO)
    with pytest.raises(Conflict, match="what production names"):
        store.remove("tiny", 4, **WHO)


@pytest.mark.parametrize(
    "written", ['{"production": {"3": 95}}', '{"production": {"3": 0, "4": 5}}', '{"production": {}}']
)
def test_weights_that_make_no_sense_are_told(store: Store, written: str) -> None:
    (store.location / "tiny" / "aliases.json").write_text(written)
    with pytest.raises(InvalidManifest, match="not a table of aliases"):
        store.targets("tiny")
    assert store.listings()["tiny"].versions == (1, 2, 3, 4)


def test_ending_a_canary_is_no_way_back(store: Store) -> None:
    move(store, 2, 3)
    set_canary(store, "tiny", "production", 4, (1, 1), **WHO)
    assert end_canary(store, "tiny", "production", **WHO) == (4, 3)
    assert store.history("tiny")[-1].action == "end"
    with pytest.raises(Conflict, match="has no canary"):
        end_canary(store, "tiny", "production", **WHO)
    assert versions_before(store, "tiny", "production") == [2]


def test_who_expects_a_version_does_not_end_a_canary_by_going_back(store: Store) -> None:
    move(store, 2, 3)
    set_canary(store, "tiny", "production", 4, (1, 1), **WHO)
    with pytest.raises(Conflict, match="at version 4, not version 3: look again"):
        rollback(store, "tiny", **WHO, expect=3)
    end_canary(store, "tiny", "production", **WHO)
    assert rollback(store, "tiny", **WHO, expect=3) == (3, 2)
