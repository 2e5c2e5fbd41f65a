"""kill -9 in the middle of publishing: nothing half is ever seen, and the next one works."""

from pathlib import Path

import pytest

from models.aliases import move_alias
from models.opening import open_version
from models.store import Store
from tests.support.bundles import publish_tiny
from tests.support.processes import kill, start, wait_for

# Stops at the n-th file or folder that it brings to the disk: 10 of the bundle, the log, the folder of the model.
STOPPING = """
import os, sys, time
from pathlib import Path
from tests.support.bundles import publish_tiny
real, left = os.fsync, int(sys.argv[2])
def fsync(descriptor):
    global left
    real(descriptor)
    left -= 1
    if left == 0:
        print("stopped", flush=True)
        time.sleep(60)
os.fsync = fsync
publish_tiny(Path(sys.argv[1]))
"""
RESTLESS = """
import sys
from pathlib import Path
from models.store import Store
from tests.support.bundles import publish_tiny
while True:
    publish_tiny(Path(sys.argv[1]))
    print("published", flush=True)
"""


def unfinished(store: Store) -> list[Path]:
    return [path for path in (store.location / "tiny").iterdir() if path.name.startswith(".unfinished-")]


@pytest.mark.parametrize(
    ("step", "visible", "following"),
    [
        pytest.param(1, [], 1, id="the first file is on the disk"),
        pytest.param(10, [], 1, id="the bundle is on the disk"),
        pytest.param(11, [], 2, id="the log has its line"),  # it names version 1, which nobody gets then
        pytest.param(12, [1], 2, id="the version has its name"),
    ],
)
def test_killed_when(tmp_path: Path, step: int, visible: list[int], following: int) -> None:
    store = Store(tmp_path / "store")
    publisher = start(STOPPING, store.location, step)
    wait_for(publisher, "stopped")
    assert store.names() == (["tiny"] if visible else [])
    kill(publisher)
    assert len(unfinished(store)) == (0 if visible else 1)
    for version in visible:
        open_version(store, "tiny", version)
    assert publish_tiny(store.location).version == following
    assert store.versions("tiny") == [*visible, following]
    assert unfinished(store) == []
    open_version(store, "tiny", following)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_killed_at_any_moment(tmp_path: Path, count: int) -> None:
    store = Store(tmp_path / "store")
    publisher = start(RESTLESS, store.location)
    for _ in range(count):
        wait_for(publisher, "published")
    kill(publisher)
    seen = store.versions("tiny")
    assert seen[:count] == list(range(1, count + 1))
    assert publish_tiny(store.location).version > seen[-1]
    assert unfinished(store) == []
    for version in store.versions("tiny"):
        open_version(store, "tiny", version)


def test_what_a_killed_removal_left_is_out_of_sight_and_cleaned(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for _ in range(2):
        publish_tiny(store.location)
    move_alias(store, "tiny", "production", 2, who="w", why="w")
    store.bundle("tiny", 1).rename(store.location / "tiny" / ".unfinished-1")  # as far as it came
    assert store.versions("tiny") == [2]
    assert publish_tiny(store.location).version == 3
    assert unfinished(store) == []
