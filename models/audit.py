"""The audit log of one model: who changed what, when and why; one JSON object a line, only ever appended."""

import fcntl
import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from models.errors import InvalidManifest
from models.layout import AUDIT_LOG, LOCK
from models.manifest import Strict, first_problem
from models.targets import Target, read_target


def _now() -> datetime:
    return datetime.now(UTC)


class Entry(Strict):
    """One change: ``before`` and ``after`` are versions, of ``alias`` where the action is about one.

    ``weights`` are those by which an incumbent and its canary share the requests; ``forced`` is a move that the gate
    would have refused; ``end`` is that of a canary.
    """

    action: Literal["publish", "sign", "move", "canary", "end", "rollback", "unalias", "remove"]
    alias: str | None = None
    before: int | None = None
    after: int | None = None
    weights: dict[int, int] | None = None
    forced: bool | None = None
    who: str
    why: str
    at: datetime = Field(default_factory=_now)

    def applied_to(self, targets: Mapping[str, Target]) -> dict[str, Target]:
        """What the aliases of the model name after it, given what they named before."""
        others = {alias: target for alias, target in targets.items() if alias != self.alias}
        if self.alias is None or self.target is None:
            return others
        return others | {self.alias: self.target}

    @property
    def target(self) -> Target | None:
        """What its alias names after it."""
        if self.alias is None or self.after is None:
            return None
        return Target(self.after) if self.weights is None else read_target(self.weights)


def who() -> str:
    """The person at the keyboard; a container's user may have no name, and is known by number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the only right to change the model in ``folder``, across processes; a dead holder's right is freed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def append(folder: Path, entry: Entry) -> None:
    """Write one line, on the disk when this returns; the caller holds the lock."""
    with (folder / AUDIT_LOG).open("ab") as file:
        file.truncate(_whole(folder / AUDIT_LOG))
        file.write(entry.model_dump_json(exclude_none=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def entries(folder: Path) -> list[Entry]:
    """All changes, oldest first; raises InvalidManifest when a line is none."""
    path = folder / AUDIT_LOG
    if not path.exists():
        return []
    # Not splitlines: what people write may hold other characters that it takes for the end of a line.
    lines = path.read_bytes()[: _whole(path)].split(b"\n")[:-1]
    try:
        return [Entry.model_validate_json(line) for line in lines]
    except ValidationError as error:
        raise InvalidManifest(f"a line of {folder.name}/{AUDIT_LOG} is no entry: {first_problem(error)}") from error


def _whole(path: Path) -> int:
    """The length of the whole lines; after them may stand the beginning of one, whose writer died before it acted."""
    return path.read_bytes().rfind(b"\n") + 1


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
