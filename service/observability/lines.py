"""Log lines on their way out: those of one turn of the event loop are written together."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import TextIO

from typing_extensions import override

# Several processes write to one pipe, which mixes up what is longer than this: PIPE_BUF of POSIX, as Linux has it.
_TOGETHER = 4096


class LinesHandler(logging.Handler):
    """Writes a line when the event loop has done what else it had to do, or at once where no loop runs.

    To write each by itself took as long as a small graph runs, and while a client waited for its answer. A warning or
    worse is written at once, with all before it.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Take the line of ``record``; logging holds the lock of this handler."""
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as every handler of logging: a line that cannot be made ends nothing else
            self.handleError(record)
            return
        self.take(line, record.levelno)

    def take(self, line: str, level: int) -> None:
        """Take a line that is ready."""
        with self.lock or contextlib.nullcontext():  # another thread may be writing what there is
            self._lines.append(f"{line}\n")
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self.flush()
                return
            if level >= logging.WARNING:
                self.flush()
            elif len(self._lines) == 1:
                loop.call_soon(self.flush)

    @override
    def flush(self) -> None:
        """Write what there is."""
        with self.lock or contextlib.nullcontext():
            lines, self._lines = self._lines, []
            try:
                for text in _pieces(lines):
                    self._stream.write(text)
                    self._stream.flush()
            except (OSError, ValueError):  # closed, or its disk full: and who could be told
                return


def _pieces(lines: list[str]) -> Iterator[str]:
    """The lines in as few pieces as may be written by one process among others."""
    piece: list[str] = []
    size = 0
    for line in lines:
        if size + len(line) > _TOGETHER and piece:
            yield "".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield "".join(piece)
