"""A lock made of plain writes, for buckets that create objects whether something stands there or not.

Whoever wants to write an object first leaves a note beside it, and then lists the notes. Who finds another's note takes
the own one back, waits a moment and tries again; who finds none writes. Of two at least one sees the other's note, for
stores list what was written before: both may give way, but never both write. A note that is older than ten minutes, by
the store's clock, is of a process that died, and counts no more: it must take less than that to write one small object.
"""

import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from models.bucket.objects import Objects
from models.errors import StoreUnavailable

_DEAD_AFTER = timedelta(minutes=10)
_PATIENCE_S = 30.0
_PAUSES_S = (0.05, 2.0)  # at first, and at most


@contextmanager
def locked(objects: Objects, key: str) -> Iterator[None]:
    """Hold the only right to write an object; raises StoreUnavailable when others do not let go of it."""
    notes = f"{key}.notes"
    mine = uuid.uuid4().hex
    until = time.monotonic() + _PATIENCE_S
    pause, longest = _PAUSES_S
    try:
        while True:
            objects.write(f"{notes}/{mine}", b"")
            if not (others := _others(objects, notes, mine)):
                break
            objects.delete([f"{notes}/{mine}"])
            if time.monotonic() > until:
                note = f"{objects.url}/{notes}/{others[0]}"
                raise StoreUnavailable(f"another process writes {key}, it seems; if there is none, delete {note}")
            time.sleep(random.uniform(0, pause))  # noqa: S311 - so that not all come back at the same moment
            pause = min(2 * pause, longest)
        yield
    finally:
        objects.delete([f"{notes}/{mine}"])


def _others(objects: Objects, notes: str, mine: str) -> list[str]:
    """The notes of others who live, by all that is known."""
    names = [name for name in objects.children(notes) if name != mine]
    now = objects.modified(f"{notes}/{mine}") if names else None
    written = {name: objects.modified(f"{notes}/{name}") for name in names}
    return [name for name, at in written.items() if at is not None and (now is None or now - at < _DEAD_AFTER)]
