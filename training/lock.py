"""Who works in the folder of a run: one process at a time, and whether there is one."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from training.errors import RunBusy

_LOCK = ".lock"


@contextmanager
def sole(folder: Path) -> Iterator[None]:
    """Hold the only right to work in ``folder``, which is made; a process that dies frees it.

    Raises RunBusy when another process has it. A folder that stays empty is taken away again, and those above it that
    were made for it.
    """
    made = [place for place in (folder, *folder.parents) if place == folder or not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _LOCK
    with path.open("a+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            who = file.read().decode(errors="replace")
            raise RunBusy(
                f"another process{who} is training in {folder}: wait for its end, or choose another --output"
            ) from error
        with suppress(OSError):  # for the message above alone: let a full disk be told by what must be written
            file.truncate(0)
            file.write(f" ({os.getpid()} on {socket.gethostname()})".encode())
        try:
            yield
        finally:
            if [entry.name for entry in folder.iterdir()] == [_LOCK]:
                path.unlink()
                with suppress(OSError):  # someone has put something there
                    for place in made:
                        place.rmdir()


def is_busy(folder: Path) -> bool:
    """Whether a process of this machine works in ``folder``."""
    try:
        with (folder / _LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
