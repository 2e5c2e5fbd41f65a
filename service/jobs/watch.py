"""Watching jobs: who waits for something to become of one is told, by one question a moment for all that wait."""

import asyncio
from collections.abc import AsyncIterator, Callable

from service.errors import DiskFull, JobsUnavailable
from service.jobs.backend import Backend
from service.jobs.records import Job

# What other processes do is seen by asking; what this one does is told at once, but not more often than that.
_ASKED_EVERY_S, _LEAST_S = 0.5, 0.1

_Waiting = tuple[Job, "asyncio.Future[Job | None]"]


class Watch:
    """``stopping`` tells whether the process is about to end: then nobody is to wait any more."""

    def __init__(self, backend: Backend, stopping: Callable[[], bool]) -> None:
        self._backend = backend
        self._stopping = stopping
        self._waiting: set[_Waiting] = set()
        self._changed = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None

    def changed(self) -> None:
        """Something became of a job here."""
        self._changed.set()

    async def changes(self, job: Job, seconds: float, silence: float) -> AsyncIterator[Job | None]:
        """What becomes of a job that was seen like this: each change, and None after so much ``silence``.

        Ends when its results are there, when it is removed, after ``seconds``, or when the process stops.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not job.over and (left := until - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, silence)):
                    now = await self._next(job)
            except TimeoutError:
                yield None
                continue
            if now is None:
                return
            job = now
            yield job

    async def _next(self, job: Job) -> Job | None:
        """The job as soon as it is not like this any more; None when it is gone, or the process stops."""
        waiting: _Waiting = (job, asyncio.get_running_loop().create_future())
        self._waiting.add(waiting)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            return await waiting[1]
        finally:
            self._waiting.discard(waiting)

    async def _ask(self) -> None:
        while self._waiting:
            self._changed.clear()
            try:
                ids = {job.id for job, _ in self._waiting}
                now = {} if self._stopping() else await self._backend.ask(lambda ledger: ledger.some(ids))  # noqa: B023
            except (JobsUnavailable, DiskFull) as error:
                self._fail(error)
                return
            for job, future in list(self._waiting):
                if job.id in ids and now.get(job.id) != job and not future.done():
                    future.set_result(now.get(job.id))
            await asyncio.sleep(_LEAST_S)
            try:
                async with asyncio.timeout(_ASKED_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _fail(self, error: Exception) -> None:
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)
