"""Jobs to test with."""

import io
import tarfile
import zipfile
from collections.abc import Sequence
from itertools import count

from models.store import Resolved
from service.jobs.database import Database
from service.jobs.ledger import Ledger
from service.jobs.queue import Queue
from service.jobs.records import Chunk, Job, NewJob, Plan, Received, Written
from tests.support.images import encode, solid

STORE = "store"
COLOURS = ("red", "green", "blue")
_numbers = count()


def new(owner: str = "", key: str | None = None, **changes: object) -> NewJob:
    job = NewJob(f"{next(_numbers):032x}", owner, Resolved("tiny", 1, None), "ndjson", 5, "spool", key)
    return job._replace(**changes)


def received(images: int = 4, chunk: int = 2, digest: str = "digest") -> Received:
    plans = [Plan(first, min(chunk, images - first), 100 * first) for first in range(0, images, chunk)]
    return Received(digest, "0", images, plans)


def accepted(ledger: Ledger, job: NewJob | None = None, images: int = 4, chunk: int = 2) -> Job:
    job = job or new()
    ledger.reserve(job, 100, "tests", 10)
    return ledger.accept(job, received(images, chunk))


def queue(database: Database, holder: str = "a", seconds: float = 10) -> Queue:
    """As a process sees it; what is lent to one for less than no time it has lost already."""
    return Queue(database, STORE, holder, seconds)


def written(chunk: Chunk, part: str = "part", failed: int = 0) -> Written:
    return Written(chunk.place, part, chunk.plan.first, 10, chunk.plan.images - failed, failed)


def images(number: int) -> list[bytes]:
    return [encode(solid(COLOURS[place % 3]), "PNG") for place in range(number)]


def zipped(contents: Sequence[bytes], name: str = "{}.png") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for place, content in enumerate(contents):
            archive.writestr(name.format(place), content)
    return file.getvalue()


def tarred(contents: Sequence[bytes], mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for place, content in enumerate(contents):
            entry = tarfile.TarInfo(f"{place}.png")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()
