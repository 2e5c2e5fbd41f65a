"""What is done with a chunk: it is scored, or given back for a while, or its job ends for a reason."""

import asyncio
import logging

from models.errors import BundleError, DeviceUnavailable, NotFound, StoreUnavailable
from models.refs import Ref
from service.errors import InferenceFailed, JobLost, JobsUnavailable, NotReady, Unloaded, problem_of
from service.inference.fleet import Fleet
from service.inference.lease import Lease
from service.jobs.backend import Backend
from service.jobs.endings import Endings, as_json
from service.jobs.inputs import InputStore
from service.jobs.records import Chunk, Job
from service.jobs.scoring import Rows, Scorer, rows_of
from service.jobs.sources import Source, Spooled, Stored
from service.jobs.spool import SpoolReader, singles
from service.shared_engine.client import ProcessDied

log = logging.getLogger(__name__)

# A chunk that was begun so often without an end is run image by image; an image that was is given up.
_SPLIT_AFTER, _GIVEN_UP_AFTER = 2, 3
_AGAIN_AFTER_S = 5.0
_GIVEN_UP = "each process that worked on this image died of it, or of something else; it is not tried again"
_AWAY = (NotReady, Unloaded, JobsUnavailable, DeviceUnavailable, StoreUnavailable)


class ChunkWork:
    """Scores chunks by the engines of ``fleet``; ``inputs`` is the input store, where there is one."""

    def __init__(
        self, backend: Backend, endings: Endings, fleet: Fleet, scorer: Scorer, inputs: InputStore | None
    ) -> None:
        self._backend = backend
        self._endings = endings
        self._fleet = fleet
        self._scorer = scorer
        self._inputs = inputs

    @property
    def each(self) -> float:
        """About how many seconds of work an image is."""
        return self._scorer.each

    async def fail(self, job: Job, error: Exception) -> None:
        """End a job whose rows cannot be written."""
        await self._endings.fail(job, error)

    async def do(self, chunk: Chunk) -> Rows | None:
        """The rows of a chunk, or None where it is not to be written: the queue knows why."""
        if chunk.attempts > _SPLIT_AFTER and chunk.plan.images > 1:
            await self._split(chunk)
            return None
        try:
            return await self._score(chunk)
        except ProcessDied:
            await self._backend.order(lambda queue: queue.release([chunk.place], _AGAIN_AFTER_S, died=True))
        except _AWAY as error:
            await self._wait(chunk, error)
        except (NotFound, BundleError) as error:
            await self._endings.fail(chunk.job, error)
        except OSError:
            log.exception("the images of a job cannot be read", extra={"job": chunk.job.id})
            await self._endings.fail(chunk.job, JobLost("the images of the job cannot be read any more"))
        return None

    async def _score(self, chunk: Chunk) -> Rows:
        job, plan = chunk.job, chunk.plan
        inputs = job.inputs or ""
        reader = await asyncio.to_thread(SpoolReader, self._backend.folder(job.id), inputs, plan)
        try:
            if chunk.attempts > _GIVEN_UP_AFTER:
                return rows_of(reader.entries, [problem_of(InferenceFailed(_GIVEN_UP))] * plan.images, plan.first)
            source = self._source(chunk, reader)
            with await self._lease(Ref(job.name, version=job.version)) as lease:
                return await self._scorer.score(lease.engine, reader.entries, plan.first, source, job.top_k)
        finally:
            reader.close()

    async def _lease(self, ref: Ref) -> Lease:
        try:
            return await self._fleet.lease(ref)
        except NotFound:  # it may have been published since this process looked
            await self._fleet.look()
            return await self._fleet.lease(ref)

    def _source(self, chunk: Chunk, reader: SpoolReader) -> Source:
        if chunk.job.source != "keys":
            return Spooled(reader, self._scorer.threads)
        if self._inputs is None:
            raise JobsUnavailable("the service has no input store any more")
        return Stored(self._inputs)

    async def _split(self, chunk: Chunk) -> None:
        folder, inputs = self._backend.folder(chunk.job.id), chunk.job.inputs or ""
        plans = await asyncio.to_thread(singles, folder, inputs, chunk.plan)
        log.warning("chunk split", extra={"job": chunk.job.id, "first": chunk.plan.first, "attempts": chunk.attempts})
        await self._backend.order(lambda queue: queue.split(chunk, plans))

    async def _wait(self, chunk: Chunk, error: Exception) -> None:
        log.warning("chunk waits", extra={"job": chunk.job.id, "first": chunk.plan.first, "reason": str(error)})
        told = as_json(problem_of(error))
        await self._backend.order(lambda queue: queue.release([chunk.place], _AGAIN_AFTER_S))
        await self._backend.order(lambda queue: queue.note(chunk.job.id, told))
