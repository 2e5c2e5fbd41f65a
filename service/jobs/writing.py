"""Writing: the rows of chunks go to the disk together, and are then noted together.

To have something on a disk may take a tenth of a second, in which many chunks are scored: they wait for the next time.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from service.errors import DiskFull, JobsUnavailable
from service.jobs.backend import Backend
from service.jobs.parts import Parts
from service.jobs.records import Chunk, Job, Written
from service.jobs.scoring import Rows

log = logging.getLogger(__name__)

_AGAIN_S = 1.0


class Scored(NamedTuple):
    """A chunk whose rows are to be written."""

    chunk: Chunk
    rows: Rows


class Writer:
    """Writes what is scored; ``over`` is told of chunks that are done with, ``fail`` ends jobs that could not be."""

    def __init__(
        self,
        backend: Backend,
        over: Callable[[Sequence[Scored]], None],
        fail: Callable[[Job, OSError | DiskFull], Awaitable[None]],
    ) -> None:
        self._backend = backend
        self._over = over
        self._fail = fail
        self._parts = Parts(backend.root, backend.holder)
        self._waiting: list[Scored] = []
        self.came = asyncio.Event()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="jobs-writing")

    def take(self, scored: Scored) -> None:
        """Have it written, with others."""
        self._waiting.append(scored)
        self.came.set()

    async def step(self) -> bool:
        """Write what has come; whether more has come meanwhile."""
        batch, self._waiting = self._waiting, []
        try:
            if batch:
                await self._write(batch)
        finally:
            self._over(batch)
        return bool(self._waiting)

    def rest(self) -> None:
        """Let go of files, of which nothing is wanted for a while: the space of deleted ones is freed by that."""
        self._parts.close()

    def close(self) -> None:
        """Free its thread, and close its files."""
        self._threads.shutdown()
        self._parts.close()

    async def _write(self, batch: Sequence[Scored]) -> None:
        by_job: dict[str, list[Scored]] = defaultdict(list)
        for scored in batch:
            by_job[scored.chunk.job.id].append(scored)
        written: list[Written] = []
        loop = asyncio.get_running_loop()
        for job_id, those in by_job.items():
            try:
                lines = [scored.rows.lines for scored in those]
                begins = await loop.run_in_executor(self._threads, self._parts.append, job_id, lines)
            except FileNotFoundError:  # it ended meanwhile, and was removed
                log.info("rows of a job that is gone", extra={"job": job_id, "chunks": len(those)})
            except (DiskFull, OSError) as error:
                await self._fail(those[0].chunk.job, error)
            else:
                written.extend(self._written(scored, at) for scored, at in zip(those, begins, strict=True))
        await self._note(written)

    def _written(self, scored: Scored, at: int) -> Written:
        rows = scored.rows
        return Written(scored.chunk.place, self._parts.name, at, len(rows.lines), rows.done, rows.failed)

    async def _note(self, written: Sequence[Written]) -> None:
        """However long the database is away: if that is longer than they are lent, others have them by then."""
        while written:
            try:
                await self._backend.order(lambda queue: queue.finish(written))
            except (JobsUnavailable, DiskFull) as error:
                log.error("what is done cannot be noted; trying again", extra={"reason": str(error)})
                await asyncio.sleep(_AGAIN_S)
            else:
                return
