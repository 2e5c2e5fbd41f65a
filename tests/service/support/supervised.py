"""A supervisor whose processes do what their names say: ``python -m tests.service.support.supervised NAME...``.

Their log goes to standard error, as that of the service does.
"""

import os
import signal
import sys
import time
from functools import partial
from typing import NoReturn

from service.observability.logs import configure_logs
from service.workers.board import Board, Order, Slot, State
from service.workers.process import Role
from service.workers.supervisor import Supervisor

_BEAT_S = 0.02


def lives(slot: Slot) -> None:
    """Beats until told to drain."""
    slot.state = State.READY
    while slot.board.order is Order.SERVE:
        slot.beat()
        time.sleep(_BEAT_S)


def fails(slot: Slot) -> NoReturn:
    """Cannot start."""
    raise RuntimeError("it cannot start")


def exits(slot: Slot) -> NoReturn:
    """Cannot start, and has said why."""
    sys.exit(3)


def hangs_once(slot: Slot) -> None:
    """Stops beating; its successor does not."""
    before = slot.published() is not None
    slot.publish(b"was here")
    if before:
        lives(slot)
    else:
        slot.state = State.READY
        slot.beat()
        time.sleep(1000)


def starts_at_third(slot: Slot) -> None:
    """Dies twice before it is ready."""
    died = len((slot.published() or (b"",))[0])
    if died < 2:
        slot.publish(bytes(died + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    lives(slot)


def stays(slot: Slot) -> NoReturn:
    """Beats whatever it is told."""
    slot.state = State.READY
    while True:
        slot.beat()
        time.sleep(_BEAT_S)


def main() -> int:
    """Supervise one process for each name."""
    doing = {work.__name__: work for work in (lives, fails, exits, hangs_once, starts_at_third, stays)}
    names = sys.argv[1:]
    board = Board(["worker"] * len(names))
    roles = [Role(slot, partial(doing[name], slot)) for slot, name in zip(board.slots, names, strict=True)]
    configure_logs("info")
    return Supervisor(board, roles, timeout=1.5, grace=30, after_grace=0.5).run()


if __name__ == "__main__":
    sys.exit(main())
