"""The spool: the images of a job, one after the other in a file, and an index with a line for each.

Names are kept as data; nothing is ever named after them. Of images at keys of the input store there is only the index.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from pydantic_core import from_json, to_json

from models.audit import sync
from service.errors import Problem, problem_of
from service.jobs.folder import JobFolder, room_needed, sync_data
from service.jobs.records import Plan
from service.uploads.upload import Upload

# Enough for a batch and few enough to be lost without regret when a process dies.
CHUNK = 64
_BUFFER = 1 << 20


class Entry(NamedTuple):
    """An image: ``size`` bytes of the spool from ``at`` on; or with the ``problem`` that kept it from there."""

    name: str | None
    at: int
    size: int
    problem: Problem | None = None


class Spooled(NamedTuple):
    """What was written: how many images, how they are cut into chunks, and a digest of names and bytes."""

    total: int
    plans: Sequence[Plan]
    digest: str


class SpoolWriter:
    """Writes the spool of a job, as the files that are called ``inputs``; on the disk when ``finish`` returns.

    All may raise DiskFull.
    """

    def __init__(self, folder: JobFolder, inputs: str) -> None:
        self._paths = (folder.spool(inputs), folder.index(inputs))
        self._digest = sha256()
        self._plans: list[Plan] = []
        self._total = self._at = self._index_at = 0
        with room_needed():
            self._spool, self._index = (path.open("xb", _BUFFER) for path in self._paths)

    def add(self, upload: Upload) -> None:
        """Append an image, or in its place what was wrong with it."""
        problem = None if upload.error is None else problem_of(upload.error)
        self._digest.update(b"%d:" % len(upload.data) + _bytes(upload.name) + b"\0")
        self._digest.update(upload.data)
        with room_needed():
            self._spool.write(upload.data)
            self._note(upload.name, self._at, len(upload.data), problem)
        self._at += len(upload.data)

    def add_key(self, key: str) -> None:
        """Append an image that stays where it is."""
        self._digest.update(_bytes(key) + b"\0")
        with room_needed():
            self._note(key, 0, 0, None)

    def finish(self) -> Spooled:
        """Have all of it on the disk."""
        with room_needed():
            for file in (self._spool, self._index):
                file.flush()
                sync_data(file.fileno())
                file.close()
            sync(self._paths[0].parent)
        return Spooled(self._total, tuple(self._plans), self._digest.hexdigest())

    def __enter__(self) -> Self:
        """Nothing; it is open already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close it; what is not finished is left for whoever removes the folder."""
        for file in (self._spool, self._index):
            _close(file)

    def _note(self, name: str | None, at: int, size: int, problem: Problem | None) -> None:
        if self._total % CHUNK == 0:
            self._plans.append(Plan(self._total, 0, self._index_at))
        told = problem and [problem.status, problem.type, problem.title, problem.detail]
        line = to_json([_printable(name), at, size, told]) + b"\n"
        self._index.write(line)
        self._index_at += len(line)
        self._total += 1
        first, images, began = self._plans[-1]
        self._plans[-1] = Plan(first, images + 1, began)


class SpoolReader:
    """The entries of one chunk, and their bytes; it may be read by several threads, and outlives the files' names."""

    def __init__(self, folder: JobFolder, inputs: str, plan: Plan) -> None:
        self._spool = os.open(folder.spool(inputs), os.O_RDONLY)
        try:
            self.entries = [entry for _, entry in _lines(folder.index(inputs), plan)]
        except BaseException:
            os.close(self._spool)
            raise

    def read(self, entry: Entry) -> bytes:
        """The bytes of one of them."""
        return os.pread(self._spool, entry.size, entry.at)

    def close(self) -> None:
        """Close the file."""
        os.close(self._spool)


@contextmanager
def reading(folder: JobFolder, inputs: str, plan: Plan) -> Iterator[SpoolReader]:
    """A reader that is closed in the end."""
    reader = SpoolReader(folder, inputs, plan)
    try:
        yield reader
    finally:
        reader.close()


def singles(folder: JobFolder, inputs: str, plan: Plan) -> list[Plan]:
    """A plan for each image of one for many."""
    return [Plan(plan.first + place, 1, at) for place, (at, _) in enumerate(_lines(folder.index(inputs), plan))]


def _lines(index: Path, plan: Plan) -> Iterator[tuple[int, Entry]]:
    """Each entry, and where its line begins."""
    with index.open("rb") as file:
        at = file.seek(plan.at)
        for _ in range(plan.images):
            line = file.readline()
            name, begin, size, problem = from_json(line)
            yield at, Entry(name, begin, size, problem and Problem(*problem))
            at += len(line)


def _bytes(name: str | None) -> bytes:
    return b"" if name is None else name.encode("utf-8", "surrogatepass")


def _printable(name: str | None) -> str | None:
    """The name as it can be told: tar archives may hold names that are in no encoding."""
    return None if name is None else name.encode("utf-8", "replace").decode()


def _close(file: BinaryIO) -> None:
    try:
        file.close()
    except OSError:  # of what could not be written, which was told
        return
