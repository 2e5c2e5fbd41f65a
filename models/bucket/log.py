"""The log of a bucket: numbered objects, each one change, none ever written again; what stands is what they add up to.

To look is to read the last one that is known and the one after it: two requests, however many models there are. The
last one shows that it is still the same log, for nobody else's object has its token.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, ValidationError

from models.audit import Entry
from models.bucket.cache import Published
from models.bucket.exclusive import Exclusive
from models.bucket.objects import Objects
from models.errors import StoreUnavailable
from models.layout import write_whole
from models.manifest import Sha256, Strict, first_problem
from models.refs import NAME_PATTERN
from models.targets import Listing, Target

log = logging.getLogger(__name__)

_FOLDER = "_whatsit/log"
_AT_ONCE = 512  # objects that are read at a time, where many are new


class Record(Strict):
    """One change of ``model``; ``token`` is like no other's.

    ``manifest`` is the sha256 of that of a version that was published, ``signature`` the one that it was given then or
    later, in hexadecimal.
    """

    model: Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
    entry: Entry
    manifest: Sha256 | None = None
    signature: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$")] | None = None
    token: str


class _Seen(Strict):
    """What was last seen, as it is kept in a file."""

    records: tuple[Record, ...]


class Log:
    """The changes noted in ``objects``; what was last seen of them is kept in the file ``seen``."""

    def __init__(self, objects: Objects, exclusive: Exclusive, seen: Path) -> None:
        self._objects = objects
        self._exclusive = exclusive
        self._file = seen
        self._looking = threading.Lock()
        self._seen: tuple[Record, ...] | None = None

    @property
    def seen(self) -> tuple[Record, ...]:
        """All records as they were last seen, be it by another process; empty where that was never possible."""
        if self._seen is None:
            self._seen = self._kept()
        return self._seen

    def look(self) -> tuple[Record, ...]:
        """All records; raises StoreUnavailable. There are none where nothing was ever published.

        Where there are none any more, what was seen before stays so.
        """
        with self._looking:
            records = self._read(self.seen)
            if records and records != self.seen:
                self._see(records)
            return records

    def append(self, record: Record, after: tuple[Record, ...]) -> bool:
        """Add ``record`` to the records ``after`` which it was decided; False where somebody else was quicker."""
        if not self._exclusive.create(_key(len(after) + 1), record.model_dump_json(exclude_none=True).encode()):
            return False
        with self._looking:
            if self.seen[: len(after) + 1] != (*after, record):  # else another thread has seen it already, or more
                self._see((*after, record))
        return True

    def _read(self, known: tuple[Record, ...]) -> tuple[Record, ...]:
        count = 1
        while True:
            first = max(1, len(known))  # the last one that is known, again
            keys = [_key(number) for number in range(first, len(known) + count + 1)]
            found = self._objects.read_all(keys)
            records = _leading(keys, found)
            if known and records[:1] != [known[-1]]:  # another log stands there now
                known = ()
                continue
            fresh = records[1:] if known else records
            known = (*known, *fresh)
            if len(fresh) < count:
                return known
            count = min(4 * count, _AT_ONCE)

    def _kept(self) -> tuple[Record, ...]:
        try:
            return _Seen.model_validate_json(self._file.read_bytes()).records
        except (OSError, ValidationError):  # it was never seen from here, or by another release
            return ()

    def _see(self, records: tuple[Record, ...]) -> None:
        self._seen = records
        try:
            write_whole(self._file, _Seen(records=records).model_dump_json(exclude_none=True).encode())
        except OSError as error:  # all goes on, but for who starts while the store is away
            log.warning("what was seen of a store cannot be kept", extra={"reason": str(error)})


def _key(number: int) -> str:
    return f"{_FOLDER}/{number:08}.json"


def _leading(keys: Sequence[str], found: Mapping[str, bytes | None]) -> list[Record]:
    """Those before the first that is missing; one after it was written in the very moment of reading."""
    records = []
    for key in keys:
        if (content := found[key]) is None:
            break
        records.append(_parse(key, content))
    return records


def _parse(key: str, content: bytes) -> Record:
    try:
        return Record.model_validate_json(content)
    except ValidationError as error:  # it could mean anything, and so nothing after it can be believed
        raise StoreUnavailable(f"{key} is not known to this release of whatsit: {first_problem(error)}") from error


def find_published(records: tuple[Record, ...], name: str, version: int) -> Published | None:
    """A version as it was published, and signed since; None where it never was."""
    manifest = signature = None
    for record in records:
        if record.model == name and record.entry.after == version and record.entry.action in {"publish", "sign"}:
            manifest = record.manifest or manifest
            signature = record.signature or signature
    if manifest is None:
        return None
    return Published(name, version, manifest, None if signature is None else bytes.fromhex(signature))


def listings(records: tuple[Record, ...]) -> Mapping[str, Listing]:
    """What stands after these changes, by model; models without a version are left out."""
    versions: dict[str, set[int]] = {}
    targets: dict[str, dict[str, Target]] = {}
    for record in records:
        entry, standing = record.entry, versions.setdefault(record.model, set())
        if entry.action == "publish" and entry.after is not None:
            standing.add(entry.after)
        elif entry.action == "remove" and entry.before is not None:
            standing.discard(entry.before)
        elif entry.alias is not None:
            targets[record.model] = entry.applied_to(targets.get(record.model, {}))
    return {
        name: Listing(name, tuple(sorted(standing)), targets.get(name, {}))
        for name, standing in versions.items()
        if standing
    }
