"""The audit log of one model: who changed what, when and why; one JSON object a line, only ever appended."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from models.layout import AUDIT_LOG, LOCK
from models.manifest import Strict


def _now() -> datetime:
    return datetime.now(UTC)


class Entry(Strict):
    """One change: ``before`` and ``after`` are versions, of ``alias`` where the action is about one."""

    action: Literal["publish", "move", "rollback", "remove"]
    alias: str | None = None
    before: int | None = None
    after: int | None = None
    who: str
    why: str
    at: datetime = Field(default_factory=_now)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the only right to change the model in ``folder``, across processes; a dead holder's right is freed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def append(folder: Path, entry: Entry) -> None:
    """Write one line, on the disk when this returns."""
    with (folder / AUDIT_LOG).open("a", encoding="utf-8") as file:
        file.write(entry.model_dump_json(exclude_none=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def entries(folder: Path) -> list[Entry]:
    """All changes, oldest first."""
    path = folder / AUDIT_LOG
    if not path.exists():
        return []
    return [Entry.model_validate_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
