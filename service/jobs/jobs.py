"""Jobs, as the rest of the service sees them."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

from service.asked import Asked
from service.errors import JobNotFound, JobUnfinished
from service.inference.fleet import Fleet
from service.inference.pipeline import Pipeline
from service.jobs.acceptance import Wanted, accept
from service.jobs.backend import Backend
from service.jobs.chunk_work import ChunkWork
from service.jobs.endings import Endings
from service.jobs.holds import Holds
from service.jobs.housekeeping import Housekeeping
from service.jobs.inputs import InputStore
from service.jobs.pacer import Pacer
from service.jobs.phase_work import PhaseWork
from service.jobs.records import Job
from service.jobs.runner import Runner, again_and_again
from service.jobs.scoring import Scorer
from service.jobs.watch import Watch
from service.jobs.writing import Scored
from service.observability.metrics import Metrics
from service.settings import Settings
from service.workers.board import Slot

log = logging.getLogger(__name__)

_TIDIED_EVERY_S = 30.0
_COUNTED_EVERY_S = 5.0


class Jobs:
    """The jobs of one process; make it inside a running loop, or before one."""

    def __init__(
        self,
        settings: Settings,
        fleet: Fleet,
        pipeline: Pipeline,
        metrics: Metrics,
        slot: Slot,
        stopping: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._counts = slot is slot.board.of_kind(slot.kind)[0]  # what all processes see, one tells
        self._backend = Backend(settings)
        self._holds = Holds(fleet.store)
        self._endings = Endings(self._backend, self._holds, settings.jobs_keep_h * 3600, metrics.jobs.add)
        threads = settings.decode_threads or os.cpu_count() or 1
        pacer = Pacer(slot, 2 * threads)  # while some blocks are decoded, others are run
        self._scorer = Scorer(pipeline.decoders, pacer, threads)
        inputs = settings.jobs_input and InputStore(settings.jobs_input, settings.max_image_bytes)
        chunk_work = ChunkWork(self._backend, self._endings, fleet, self._scorer, inputs or None)
        phase_work = PhaseWork(self._backend, self._endings, pacer, settings)
        self._runner = Runner(self._backend, chunk_work, phase_work, stopping, self._changed)
        self._watch = Watch(self._backend, stopping)
        self._housekeeping = Housekeeping(self._backend, self._holds)
        self._states: dict[str, float] = {}
        metrics.watch("whatsit_jobs_queued", "Jobs that nobody has begun.", partial(self._state, "queued"))
        metrics.watch("whatsit_jobs_running", "Jobs that are worked on.", partial(self._state, "running"))
        metrics.watch(
            "whatsit_jobs_queue_seconds", "How long the oldest queued job waits.", partial(self._state, "age")
        )

    async def accept(self, asked: Asked, wanted: Wanted) -> Job:
        """Accept a job; see ``acceptance``."""
        job = await accept(asked, wanted, self._backend, self._holds, self._settings)
        self._metrics.jobs.add("accepted")
        self._runner.wake()
        return job

    async def find(self, job_id: str, owner: str) -> Job:
        """One job of an owner; raises JobNotFound."""
        if not self._backend.exists:  # to ask would make the database
            raise JobNotFound("there is no such job")
        return await self._backend.ask(lambda ledger: ledger.find(job_id, owner))

    async def list(self, owner: str, most: int, before: float | None) -> list[Job]:
        """Those of an owner, the newest first."""
        if not self._backend.exists:
            return []
        return await self._backend.ask(lambda ledger: ledger.of(owner, most, before))

    async def cancel(self, job_id: str, owner: str) -> Job:
        """Stop a job within about a second, and keep what is done; raises JobNotFound."""
        before = await self.find(job_id, owner)
        job = await self._backend.ask(lambda ledger: ledger.cancel(job_id, owner, self._endings.keep))
        if not before.ended and job.state == "cancelled":
            self._metrics.jobs.add("cancelled")
        self._runner.wake()
        self._watch.changed()
        return job

    def changes(self, job: Job, seconds: float, silence: float) -> AsyncIterator[Job | None]:
        """What becomes of a job; see ``Watch.changes``."""
        return self._watch.changes(job, seconds, silence)

    def results(self, job: Job) -> Path:
        """The file with the results of a job; raises JobUnfinished when there is none."""
        if job.results is not None:
            return self._backend.folder(job.id).results(job.results)
        if job.over:
            raise JobUnfinished("the job failed before any of its images was scored; the job itself says why")
        raise JobUnfinished("the results are there when the job has ended; `?wait=60` on the job waits for that")

    async def run(self) -> None:
        """Work on jobs for as long as the service runs, once there are any."""
        async with asyncio.TaskGroup() as group:  # which ends when all of it has ended
            group.create_task(self._runner.run())
            group.create_task(again_and_again(self._housekeeping.tidy, pause=_TIDIED_EVERY_S))
            group.create_task(again_and_again(self._count, pause=_COUNTED_EVERY_S))

    def close(self) -> None:
        """Free threads, and close the database."""
        self._scorer.close()
        self._backend.close()

    def _state(self, name: str) -> float:
        return self._states.get(name, 0)

    async def _count(self) -> bool:
        if self._counts and self._backend.exists:
            states, age = await self._backend.ask(lambda ledger: ledger.states())
            self._states = {**states, "age": age}
        return False

    def _changed(self, batch: Sequence[Scored]) -> None:
        for scored in batch:
            job = scored.chunk.job
            for outcome, images in (("ok", scored.rows.done), ("failed", scored.rows.failed)):
                self._metrics.job_images.add_many(images, job.name, str(job.version), outcome)
        self._watch.changed()
