"""What the workers and the engine's process have in common, made before they are forked."""

import mmap
import os
import secrets
import sys
import tempfile
from pathlib import Path

from service.shared_engine.client import RemoteOpener


class SharedEngine:
    """Memory without a name, a share of it for each of the workers, and the address of a socket.

    On Linux that has no name among the files either, so that nothing is left behind whoever is killed.
    """

    def __init__(self, workers: int, size: int) -> None:
        self._share = -(-size // workers) // mmap.PAGESIZE * mmap.PAGESIZE
        self.memory = memoryview(mmap.mmap(-1, self._share * workers))
        name = f"whatsit-{os.getpid()}-{secrets.token_hex(8)}"
        self.address = f"\0{name}" if sys.platform == "linux" else str(Path(tempfile.mkdtemp()) / name)

    def opener(self, worker: int) -> RemoteOpener:
        """What opens versions for one of the workers."""
        start = worker * self._share
        return RemoteOpener(self.address, self.memory[start : start + self._share], start)
