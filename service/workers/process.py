"""Starting a process by fork: what was imported is shared, and it runs within a tenth of a second."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from service.workers.board import Slot

log = logging.getLogger(__name__)

_FAILED = 1


@dataclass(frozen=True, slots=True)
class Role:
    """A process that is always to be there: its place on the board, what it does, and the sockets that it serves.

    ``run`` is called in the new process, whose exit code is 0 when it returns.
    """

    slot: Slot
    run: Callable[[], None]
    sockets: Sequence[socket.socket] = field(default=())


def start(role: Role, unused: Sequence[socket.socket] = (), before: Callable[[], None] = lambda: None) -> int:
    """Fork a process for ``role`` and return its id; for a process of one thread.

    In the new process ``before`` is called first, with every signal still blocked: none may reach a handler of the
    parent's. ``unused`` are sockets of others, which it closes: as long as one process has them open, connections
    would be put into their queues.
    """
    sys.stdout.flush()  # or both would write what is still in its buffer
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _live(role, unused, before, mask)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return pid


def _live(
    role: Role, unused: Sequence[socket.socket], before: Callable[[], None], mask: set[signal.Signals | int]
) -> None:
    """Everything that the new process does; never returns."""
    code = _FAILED
    try:
        before()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all processes, but it is for the parent
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for other in unused:
            other.close()
        role.slot.occupy()
        role.run()
        code = 0
    except SystemExit as end:  # of uvicorn, which has logged why
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # whatever happens, it must not go on as a second parent
        log.exception("%s failed", role.slot.kind)
    finally:
        logging.shutdown()  # what is not written yet
        os._exit(code)  # neither waits for a thread that hangs nor cleans up what is the parent's
