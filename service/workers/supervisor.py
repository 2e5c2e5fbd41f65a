"""Keeps processes running: starts them, replaces those that die or hang, and has all finish in the end."""

import logging
import os
import signal
import time
from collections.abc import Sequence

from service.workers.board import Board, Order
from service.workers.post import Post
from service.workers.process import Role
from service.workers.signals import Signals

log = logging.getLogger(__name__)

_TICK_S = 0.1


class Supervisor:
    """Has a process for each of ``roles`` until SIGTERM or SIGINT comes.

    One whose beats on the board stop for ``timeout`` seconds is killed and replaced like one that died. After a signal
    all are to finish within ``grace`` seconds, after a second one at once; ``after_grace`` seconds later those are
    killed that are still there. When each has died and none was ever able to start, it ends as well. It forks, so its
    own process must have no other thread.
    """

    def __init__(self, board: Board, roles: Sequence[Role], timeout: float, grace: float, after_grace: float) -> None:
        self._board = board
        self._posts = [Post(role) for role in roles]
        self._timeout = timeout
        self._grace = grace
        self._after_grace = after_grace
        self._able = False  # whether any process was ever able to start
        self._failed = False
        self._ends = 0.0  # when those are killed that have not finished

    def run(self) -> int:
        """Return when all processes have ended: 0 when they did as they were told, else 1."""
        with Signals() as signals:
            seen = time.monotonic()
            while not self._stopping or self._manned():
                self._start_due(signals)
                for number in signals.wait(_TICK_S):
                    if number != signal.SIGCHLD:
                        self._stop(self._grace)
                self._reap()
                now = time.monotonic()
                self._look(now, now - seen)
                seen = now
        return int(self._failed)

    @property
    def _stopping(self) -> bool:
        return self._board.order is not Order.SERVE

    def _manned(self) -> list[Post]:
        return [post for post in self._posts if post.pid]

    def _start_due(self, signals: Signals) -> None:
        now = time.monotonic()
        for post in self._posts:
            if not self._stopping and not post.pid and post.due <= now:
                unused = [s for other in self._posts for s in other.role.sockets if s not in post.role.sockets]
                post.start(unused, signals.forget, now)

    def _stop(self, grace: float) -> None:
        """Have all finish; those told so already, at once."""
        if self._stopping:
            grace = 0.0
        self._board.order = Order.DRAIN if grace else Order.END
        self._ends = time.monotonic() + grace + self._after_grace
        log.info("stopping", extra={"grace_s": grace})
        for post in self._posts:
            if not post.pid:
                post.retire()

    def _reap(self) -> None:
        """Note who has ended; the first process of a container is given orphans to bury as well."""
        while manned := self._manned():
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            for post in manned:
                if post.pid == pid:
                    self._ended(post, status)

    def _ended(self, post: Post, status: int) -> None:
        well = post.ended(status, time.monotonic())
        if self._stopping:
            self._failed = self._failed or not well
            post.retire()
        elif not self._able and all(post.failures for post in self._posts):
            log.error("no process was able to start; the lines above say why")
            self._failed = True
            self._stop(0)

    def _look(self, now: float, elapsed: float) -> None:
        # Time in which this process itself was stopped says nothing about the others.
        elapsed = min(elapsed, 2 * _TICK_S)
        for post in self._manned():
            self._able = post.look(now, elapsed, self._timeout) or self._able
            if self._stopping and now > self._ends:
                post.kill("it did not finish within the grace")
