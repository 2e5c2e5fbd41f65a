"""What the processes of one service know of each other: a few numbers and their counts, in memory that they share.

The memory has no name: it is made before the processes are forked, and the kernel frees it with the last of them,
whoever is killed. Imports nothing of ours but its neighbours.
"""

import mmap
import os
import time
from collections.abc import Sequence
from enum import IntEnum

from service.workers.block import Block
from service.workers.windows import Windows

# Words of eight bytes, each of which one process writes: such a write is whole for whoever reads. A slot has a line of
# the cache for itself, for some words are written with every request.
_LINE = 64
_ORDER, _KEYS = range(2)
_PID, _STATE, _BEATS, _INSIDE, _SEEN, _PATIENT = range(6)


class State(IntEnum):
    """What a process is doing."""

    GONE = 0
    STARTING = 1
    READY = 2
    DRAINING = 3


class Order(IntEnum):
    """What all processes are told."""

    SERVE = 0
    DRAIN = 1  # finish what is in flight, within the grace
    END = 2  # the grace is over


class Slot:
    """The place of one process on the board; its successor gets the same.

    ``windows`` are what the process counts in the present; they outlive it, as what it has published does.
    """

    SIZE = _LINE + Block.SIZE + Windows.SIZE

    def __init__(self, board: "Board", index: int, kind: str, memory: memoryview) -> None:
        self.board = board
        self.kind = kind
        self.name = f"{kind}-{index}"
        self._line = memory[:_LINE].cast("q")
        self._block = Block(memory[_LINE:][: Block.SIZE])
        self.windows = Windows(memory[_LINE + Block.SIZE :])

    @property
    def state(self) -> State:
        """What its process is doing."""
        return State(self._line[_STATE])

    @state.setter
    def state(self, state: State) -> None:
        self._line[_STATE] = state

    @property
    def pid(self) -> int:
        """The id of its process; 0 when there is none."""
        return self._line[_PID]

    @property
    def beats(self) -> int:
        """Grows as long as the event loop of its process runs."""
        return self._line[_BEATS]

    @property
    def inside(self) -> int:
        """How many images are inside its process now."""
        return self._line[_INSIDE]

    @property
    def seen(self) -> float:
        """When an image was last inside its process, in the time of ``time.monotonic``, which all share."""
        return self._line[_SEEN] / 1e9

    @property
    def patient(self) -> int:
        """How many images its process works on that nobody waits for."""
        return self._line[_PATIENT]

    def hold(self, images: int) -> None:
        """Show how many images are inside this process now."""
        self._line[_INSIDE] = images
        self._line[_SEEN] = time.monotonic_ns()

    def hold_patient(self, images: int) -> None:
        """Show how many images this process works on that nobody waits for."""
        self._line[_PATIENT] = images

    def occupy(self) -> None:
        """Take the slot for this process."""
        self._line[_PID], self._line[_STATE] = os.getpid(), State.STARTING
        self._line[_INSIDE] = self._line[_PATIENT] = 0

    def leave(self) -> None:
        """Free the slot of a process that has ended, however; its counts stay."""
        self._line[_PID], self._line[_STATE] = 0, State.GONE
        self._line[_INSIDE] = self._line[_PATIENT] = 0

    def beat(self) -> None:
        """Show that the event loop runs."""
        self._line[_BEATS] += 1

    def others(self) -> list["Slot"]:
        """All slots but this one."""
        return [slot for slot in self.board.slots if slot is not self]

    def publish(self, data: bytes) -> bool:
        """Show ``data`` to the others; False when it is too large, and what was shown before stays."""
        if len(data) > Block.LARGEST:
            return False
        self._block.write(data, self.pid)
        return True

    def published(self) -> tuple[bytes, bool] | None:
        """What was last shown here, and whether by the process that is here now rather than one that is gone."""
        found = self._block.read()
        return found and (found[0], found[1] == self.pid)


class Board:
    """One slot for each process that ``kinds`` names, and one order to them all. Make it before they are forked."""

    def __init__(self, kinds: Sequence[str] = ("worker",)) -> None:
        memory = memoryview(mmap.mmap(-1, _LINE + Slot.SIZE * len(kinds)))
        self._words = memory[:_LINE].cast("q")
        self.slots = [
            Slot(self, kinds[:place].count(kind), kind, memory[_LINE + Slot.SIZE * place :][: Slot.SIZE])
            for place, kind in enumerate(kinds)
        ]

    @property
    def order(self) -> Order:
        """What all processes are to do."""
        return Order(self._words[_ORDER])

    @order.setter
    def order(self, order: Order) -> None:
        self._words[_ORDER] = order

    @property
    def keys_required(self) -> bool:
        """Whether requests need a key: once so, it stays so, whatever becomes of the file and of processes."""
        return bool(self._words[_KEYS])

    def require_keys(self) -> None:
        """Have all processes ask for keys from now on."""
        self._words[_KEYS] = 1

    def images_inside(self) -> int:
        """How many images are inside all processes now."""
        return sum(slot.inside for slot in self.slots)

    def images_at_work(self) -> int:
        """The same, and those that they work on for nobody who waits."""
        return sum(slot.inside + slot.patient for slot in self.slots)

    def last_inside(self) -> float:
        """When an image was last inside any of them, in the time of ``time.monotonic``; 0 for never."""
        return max(slot.seen for slot in self.slots)

    def of_kind(self, kind: str) -> list[Slot]:
        """The slots of one kind of process."""
        return [slot for slot in self.slots if slot.kind == kind]
