"""How jobs end, and what is left of them."""

import asyncio
import json
import logging
from collections.abc import Callable

from service.errors import Problem, problem_of
from service.jobs.backend import Backend
from service.jobs.holds import Holds
from service.jobs.records import Job

log = logging.getLogger(__name__)


class Endings:
    """Ends jobs, whose results are kept for ``keep`` seconds; ``told`` is told of each state."""

    def __init__(self, backend: Backend, holds: Holds, keep: float, told: Callable[[str], None]) -> None:
        self.keep = keep
        self.told = told
        self._backend = backend
        self._holds = holds

    async def done(self, job: Job, results: str) -> None:
        """End a job whose results are on the disk, in the state that it is in, unless others have it now."""
        folder = self._backend.folder(job.id)
        if not await self._backend.order(lambda queue: queue.assembled(job.id, results, self.keep)):
            return
        await asyncio.to_thread(folder.keep_only, folder.results(results))
        await self._holds.release(job.id, job.name, job.version)
        if job.state == "running":
            self.told("done")
        log.info("job over", extra={"job": job.id, "state": job.state, "done": job.done, "failed": job.failed})

    async def fail(self, job: Job, error: Exception) -> None:
        """End a job for a reason; what was scored of it is kept, and marked as partial."""
        problem = problem_of(error)
        log.error("job failed", extra={"job": job.id, "problem": problem.type, "reason": str(error)})
        over = await self._backend.order(lambda queue: queue.fail(job.id, as_json(problem), self.keep))
        self.told("failed")
        if over:
            await asyncio.to_thread(self._backend.folder(job.id).remove)
            await self._holds.release(job.id, job.name, job.version)


def as_json(problem: Problem) -> str:
    """Its members, as the ledger keeps them."""
    return json.dumps(problem.members())
