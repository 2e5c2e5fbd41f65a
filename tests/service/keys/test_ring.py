import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.keys.file import KeyFile
from service.keys.ring import KeyRing
from service.workers.board import Board


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board() -> Board:
    return Board(["worker", "worker"])


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def ring(file: KeyFile, board: Board, clock: Clock) -> KeyRing:
    return KeyRing(file, board, clock)


def test_without_a_file_no_key_is_required_until_there_is_one(ring: KeyRing, file: KeyFile, clock: Clock) -> None:
    assert not ring.required()
    key, _ = file.create("one", ("predict",))
    clock.now += 1
    assert ring.required()
    assert ring.find(key.id) == key


def test_an_empty_file_lets_nobody_in(ring: KeyRing, file: KeyFile) -> None:
    file.revoke(file.create("one", ("predict",))[0].id)
    assert ring.required()


def test_it_looks_at_the_file_once_a_second_at_most(ring: KeyRing, file: KeyFile, clock: Clock) -> None:
    first, _ = file.create("one", ("predict",))
    ring.required()
    file.revoke(first.id)
    clock.now += 0.99
    ring.required()
    assert ring.find(first.id)
    clock.now += 0.01
    ring.required()
    assert ring.find(first.id) is None


@pytest.mark.parametrize("way", ["gone", "broken", "a folder", "a link to nowhere"])
def test_a_file_that_cannot_be_read_any_more_changes_nothing(
    ring: KeyRing, file: KeyFile, clock: Clock, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    key, _ = file.create("one", ("predict",))
    ring.required()
    content = file.path.read_bytes()
    file.path.unlink()
    if way == "broken":
        file.path.write_bytes(content[:-3])
    elif way == "a folder":
        file.path.mkdir()
    elif way == "a link to nowhere":
        file.path.symlink_to("nowhere")
    for _ in range(3):
        clock.now += 1
        assert ring.required()
        assert ring.find(key.id) == key
    complaints = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.message for record in complaints] == ["keys not read"], "told once, not every second"


def test_once_it_can_be_read_again_it_counts(ring: KeyRing, file: KeyFile, clock: Clock) -> None:
    key, _ = file.create("one", ("predict",))
    ring.required()
    content = file.path.read_bytes()
    file.path.write_bytes(b"half")
    clock.now += 1
    ring.required()
    file.path.write_bytes(content)
    other, _ = file.create("two", ("predict",))
    clock.now += 1
    ring.required()
    assert ring.find(key.id)
    assert ring.find(other.id)


def test_what_one_process_has_seen_holds_for_its_successor(
    ring: KeyRing, file: KeyFile, board: Board, clock: Clock
) -> None:
    key, _ = file.create("one", ("predict",))
    ring.required()
    file.path.unlink()
    successor = KeyRing(file, board, clock)
    assert successor.required()
    assert successor.find(key.id) is None
    assert not KeyRing(file, Board(), clock).required(), "a new service begins anew"


def test_an_unreadable_file_is_required_from_the_start(file: KeyFile, board: Board) -> None:
    file.path.write_text("nonsense")
    assert KeyRing(file, board).required()
