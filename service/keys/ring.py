"""The keys as they are now: a service that runs sees them come and go."""

import logging
import time
from collections.abc import Callable, Mapping

from service.keys.file import KeyFile, KeysUnreadable, Stamp
from service.keys.key import Key
from service.workers.board import Board

log = logging.getLogger(__name__)

_LOOK_S = 1.0


class KeyRing:
    """Keys that are read again when their file changes; asked before every request, it looks once a second at most.

    Once any process of the service has seen a file, keys are required until the service ends. A file that is gone, or
    that nothing can be made of, changes nothing: the keys that were read last still count, and the log says so.
    """

    def __init__(self, file: KeyFile, board: Board, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._board = board
        self._clock = clock
        self._looks_at = 0.0
        self._keys: Mapping[str, Key] = {}
        self._stamp: Stamp | None = None
        self._complaint = ""
        self._look()  # a process that is asked nothing for a while must not miss what the file was

    def find(self, key_id: str) -> Key | None:
        """The key of this id, None when there is none."""
        return self._keys.get(key_id)

    def required(self) -> bool:
        """Whether a request needs a key."""
        now = self._clock()
        if now >= self._looks_at:
            self._looks_at = now + _LOOK_S
            self._look()
        return self._board.keys_required

    def _look(self) -> None:
        try:
            if self._file.exists():
                self._board.require_keys()
                self._read_if_changed()
            elif self._board.keys_required:
                raise KeysUnreadable(f"{self._file.path} is gone")
        except (KeysUnreadable, OSError) as error:
            self._complain(str(error))

    def _read_if_changed(self) -> None:
        stamp = self._file.stamp()  # first: a change while it is read is seen the next time
        if stamp != self._stamp:
            self._keys, self._stamp = self._file.read(), stamp
            log.info("keys read", extra={"file": str(self._file.path), "keys": len(self._keys)})
        self._complaint = ""

    def _complain(self, reason: str) -> None:
        if reason != self._complaint:
            self._complaint = reason
            log.error("keys not read", extra={"reason": reason, "keys": len(self._keys), "still_count": True})
