"""What is done with a job by one process: its archive is read, its results are put together."""

import asyncio
import logging

from service.errors import ArchiveRefused, DiskFull, JobLost
from service.jobs.backend import Backend
from service.jobs.endings import Endings
from service.jobs.pacer import Pacer
from service.jobs.phases import assemble, unpack
from service.jobs.records import Job
from service.settings import Settings

log = logging.getLogger(__name__)

_GIVEN_UP_AFTER = 3


class PhaseWork:
    """Unpacks and assembles."""

    def __init__(self, backend: Backend, endings: Endings, pacer: Pacer, settings: Settings) -> None:
        self._backend = backend
        self._endings = endings
        self._pacer = pacer
        self._limits = settings.archive_limits

    async def do(self, job: Job) -> None:
        """Do what comes next of a job that this process holds; when that is given up others may."""
        try:
            if job.attempts > _GIVEN_UP_AFTER:
                raise JobLost(f"each process that was to {job.phase} the job died of it")
            await (self._unpack(job) if job.phase == "unpack" else self._assemble(job))
        except (ArchiveRefused, DiskFull, JobLost) as error:
            await self._endings.fail(job, error)
        except FileNotFoundError:
            log.exception("files of a job are gone", extra={"job": job.id})
            await self._endings.fail(job, JobLost("files of the job are gone"))
        except asyncio.CancelledError:
            await self._backend.order(lambda queue: queue.release_phase(job.id))
            raise

    async def _unpack(self, job: Job) -> None:
        folder = self._backend.folder(job.id)
        inputs, spooled = await unpack(folder, self._limits, self._pacer.breathe)
        log.info("job unpacked", extra={"job": job.id, "images": spooled.total})
        plans = spooled.plans
        if await self._backend.order(lambda queue: queue.unpacked(job.id, inputs, spooled.total, plans)):
            await asyncio.to_thread(folder.upload.unlink, missing_ok=True)

    async def _assemble(self, job: Job) -> None:
        folder = self._backend.folder(job.id)
        parts = await self._backend.order(lambda queue: queue.parts(job.id))
        # The images first: where the disk is full, there is room for the results then.
        await asyncio.to_thread(folder.keep_only, *(folder.part(part) for part, _, _ in parts))
        results = await assemble(folder, job, parts)
        await self._endings.done(job, results)
