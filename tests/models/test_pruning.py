"""Old versions go, but none that an alias names or may go back to."""

from pathlib import Path

import pytest

from models.aliases import move_alias, rollback, set_canary
from models.errors import ModelNotFound
from models.pruning import prune, removable
from models.store import Store

WHO = {"who": "me", "why": "to see"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Eight versions, all empty: nothing looks inside."""
    for version in range(1, 9):
        (tmp_path / "store" / "tiny" / str(version)).mkdir(parents=True)
    return Store(tmp_path / "store")


def test_the_last_ones_stay(store: Store) -> None:
    assert removable(store, "tiny", 8) == removable(store, "tiny", 99) == []
    assert removable(store, "tiny", 3) == [1, 2, 3, 4, 5]
    assert removable(store, "tiny", 0) == list(range(1, 9))


def test_what_an_alias_names_or_goes_back_to_stays(store: Store) -> None:
    for version in (1, 2, 3):
        move_alias(store, "tiny", "production", version, **WHO)
    set_canary(store, "tiny", "production", 4, (9, 1), **WHO)
    assert removable(store, "tiny", 1) == [1, 5, 6, 7]
    assert prune(store, "tiny", 1, **WHO) == [1, 5, 6, 7]
    assert store.versions("tiny") == [2, 3, 4, 8]
    rollback(store, "tiny", **WHO)
    assert rollback(store, "tiny", **WHO) == (3, 2)


def test_a_model_that_is_not_there(store: Store) -> None:
    with pytest.raises(ModelNotFound):
        removable(store, "nobody", 1)


def test_also_after_a_way_back(store: Store) -> None:
    for version in (1, 2, 3):
        move_alias(store, "tiny", "production", version, **WHO)
    rollback(store, "tiny", **WHO)
    prune(store, "tiny", 1, **WHO)
    assert rollback(store, "tiny", **WHO) == (2, 1)
