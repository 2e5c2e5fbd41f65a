"""What unfinished jobs need of the store: the versions that score them, which nobody may remove meanwhile."""

import asyncio
import logging
import time
from collections.abc import Iterable
from hashlib import sha256

from models.errors import NotFound, StoreUnavailable
from models.store import Store
from service.jobs.records import Job

log = logging.getLogger(__name__)

_RENEWED_EVERY_S = 3600.0


class Holds:
    """Notes in ``store`` which versions jobs need. Where it cannot be written to, jobs go on without that."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._renewed = time.monotonic()

    async def hold(self, job_id: str, name: str, version: int) -> None:
        """Keep a version for a job; raises NotFound when it is gone."""
        try:
            await asyncio.to_thread(self._store.hold, name, version, _holder(job_id))
        except (OSError, StoreUnavailable) as error:
            told = {"model": name, "version": version, "reason": str(error)}
            log.warning("the store takes no notes: it would let a version be removed that a job needs", extra=told)

    async def release(self, job_id: str, name: str, version: int) -> None:
        """Let go of the version of a job that is over."""
        try:
            await asyncio.to_thread(self._store.release, name, version, _holder(job_id))
        except (OSError, StoreUnavailable) as error:  # it is let go of by itself, later
            told = {"model": name, "version": version, "reason": str(error)}
            log.warning("a version is kept that no job needs any more", extra=told)

    async def renew(self, jobs: Iterable[Job]) -> None:
        """Say again of unfinished jobs what they need, when it is time for that."""
        self._renewed = time.monotonic()
        for job in jobs:
            try:
                await self.hold(job.id, job.name, job.version)
            except NotFound:  # which the job will be told when it is scored
                continue

    @property
    def due(self) -> bool:
        """Whether it is time to renew them."""
        return time.monotonic() - self._renewed > _RENEWED_EVERY_S


def _holder(job_id: str) -> str:
    """What a job is called in the store: who may read that is not to know the job by it."""
    return sha256(job_id.encode()).hexdigest()[:32]
