"""A post: a role, the process that has it now, and what became of those before."""

import logging
import os
import signal
from collections.abc import Callable, Sequence
from socket import socket

from service.workers.board import State
from service.workers.process import Role, start

log = logging.getLogger(__name__)

_SHORTEST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
# A process that was ready once, or has lived as long as this, was able to start, whatever ended it.
_ABLE_AFTER_S = 10.0


class Post:
    """Starts the process of ``role``, watches its beats, and says when the next may start.

    All times are those of ``time.monotonic``.
    """

    def __init__(self, role: Role) -> None:
        self.role = role
        self.pid = 0  # 0 when there is none
        self.due = 0.0  # when the next may start
        self.failures = 0  # processes in succession that were not able to start
        self._since = 0.0
        self._able = False
        self._beats = 0
        self._silent = 0.0
        self._verdict = ""  # why it was killed

    def start(self, unused: Sequence[socket], before: Callable[[], None], now: float) -> None:
        """Start a process; see ``service.workers.process.start``."""
        slot = self.role.slot
        self._since, self._able, self._beats, self._silent, self._verdict = now, False, slot.beats, 0.0, ""
        try:
            self.pid = start(self.role, unused, before)
        except OSError as error:  # too many processes, or no memory
            log.error("%s not started", slot.kind, extra={"role": slot.name, "reason": str(error)})
            self._pause(now)
        else:
            log.info("%s started", slot.kind, extra={"role": slot.name, "pid": self.pid})

    def look(self, now: float, elapsed: float, timeout: float) -> bool:
        """See what the process shows, and kill it after ``timeout`` seconds without a beat.

        ``elapsed`` seconds have passed since the last look. Returns whether it was able to start.
        """
        beats = self.role.slot.beats
        self._silent = self._silent + elapsed if beats == self._beats else 0.0
        self._beats = beats
        if self._silent > timeout:
            self.kill(f"its event loop stood still for {timeout:g} s")
        self._able = self._able or self.role.slot.state is State.READY or now - self._since > _ABLE_AFTER_S
        return self._able

    def kill(self, verdict: str) -> None:
        """End the process at once, for the reason ``verdict``."""
        if not self._verdict:
            self._verdict = verdict
            os.kill(self.pid, signal.SIGKILL)

    def ended(self, status: int, now: float) -> bool:
        """Note that the process has ended with this wait status; returns whether it ended as it was told to."""
        slot, code = self.role.slot, os.waitstatus_to_exitcode(status)
        self._able = self._able or slot.state is State.READY
        well = code in {0, -signal.SIGTERM} and not self._verdict
        reason = self._verdict or (f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}")
        facts = {"role": slot.name, "pid": self.pid, "reason": reason, "lived_s": round(now - self._since, 2)}
        log.log(logging.INFO if well else logging.ERROR, "%s ended", slot.kind, extra=facts)
        slot.leave()
        self.pid = 0
        self._pause(now)
        return well

    def retire(self) -> None:
        """Close the sockets: nobody will serve them any more, and who connects must not wait for nobody."""
        for own in self.role.sockets:
            own.close()

    def _pause(self, now: float) -> None:
        """Let the next one start: at once, or after a pause that grows while one after the other was not able to."""
        self.failures = 0 if self._able else self.failures + 1
        pause = _SHORTEST_PAUSE_S * 2.0 ** (self.failures - 1) if self.failures else 0.0
        self.due = now + min(_LONGEST_PAUSE_S, pause)
