"""Signals as something that a loop can wait for."""

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Self

_HEEDED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Signals:
    """While it is entered, SIGTERM, SIGINT and SIGCHLD do nothing but end a ``wait``. For the main thread."""

    def __enter__(self) -> Self:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, _note) for number in _HEEDED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._reading)
        os.close(self._writing)

    def forget(self) -> None:
        """In a process that was forked meanwhile: have signals do what they do by themselves."""
        signal.set_wakeup_fd(-1)
        for number in _HEEDED:
            signal.signal(number, signal.SIG_DFL)
        os.close(self._reading)
        os.close(self._writing)

    def wait(self, seconds: float) -> list[signal.Signals]:
        """Return the signals that have come, at the latest after ``seconds``."""
        if not select.select([self._reading], [], [], seconds)[0]:
            return []
        return [signal.Signals(number) for number in os.read(self._reading, 4096)]


def _note(number: int, frame: FrameType | None) -> None:
    """Python has written the number to the pipe already."""
