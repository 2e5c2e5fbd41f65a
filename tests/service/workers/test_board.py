import os
import subprocess
import sys

from service.workers.block import Block
from service.workers.board import Board, Order, State


def test_slots_are_named_by_kind_and_place() -> None:
    board = Board(["worker", "engine", "worker"])
    assert [slot.name for slot in board.slots] == ["worker-0", "engine-0", "worker-1"]
    assert [slot.name for slot in board.of_kind("worker")] == ["worker-0", "worker-1"]
    assert [slot.name for slot in board.slots[0].others()] == ["engine-0", "worker-1"]


def test_each_slot_has_its_own_numbers() -> None:
    board = Board(["worker"] * 3)
    first, second, third = board.slots
    second.occupy()
    second.state = State.READY
    second.beat()
    second.hold(5)
    assert (second.pid, second.state, second.beats, second.inside) == (os.getpid(), State.READY, 1, 5)
    for other in (first, third):
        assert (other.pid, other.state, other.beats, other.inside) == (0, State.GONE, 0, 0)


def test_images_inside_are_those_of_all_that_live() -> None:
    board = Board(["worker"] * 3)
    for slot, images in zip(board.slots, (1, 2, 4), strict=True):
        slot.occupy()
        slot.hold(images)
    assert board.images_inside() == 7
    board.slots[1].leave()
    assert board.images_inside() == 5


def test_what_was_published_outlives_who_did_it() -> None:
    slot = Board().slots[0]
    assert slot.published() is None
    slot.occupy()
    assert slot.publish(b"counts")
    assert slot.published() == (b"counts", True)
    slot.leave()
    assert slot.published() == (b"counts", False)


def test_what_is_too_large_is_not_published_and_what_was_stays() -> None:
    slot = Board().slots[0]
    assert slot.publish(b"small")
    assert not slot.publish(bytes(Block.LARGEST + 1))
    assert slot.published() == (b"small", True)


_FORKED = """
import os
from service.workers.board import Board, Order, State
board = Board(["worker", "worker"])
if os.fork():
    os.wait()
    slot = board.slots[1]
    print(slot.state.name, slot.inside, slot.published()[0].decode(), board.order.name)
else:
    slot = board.slots[1]
    slot.occupy()
    slot.state = State.READY
    slot.hold(3)
    slot.publish(b"counts")
    board.order = Order.DRAIN
"""


def test_processes_that_are_forked_see_the_same_board() -> None:
    done = subprocess.run([sys.executable, "-c", _FORKED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["READY", "3", "counts", Order.DRAIN.name]
