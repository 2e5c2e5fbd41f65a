"""Housekeeping: what nobody needs any more is removed."""

import asyncio
import logging
import re
import time

from service.jobs.backend import Backend
from service.jobs.holds import Holds

log = logging.getLogger(__name__)

# Folders without a row are of processes that died before they could remove them; a job that is received is younger.
_ORPHAN_AFTER_S = 3600.0
_JOB = re.compile("[0-9a-f]{32}")


class Housekeeping:
    """Removes jobs that are past their time, and folders of none. Every process does: each may be the only one left."""

    def __init__(self, backend: Backend, holds: Holds) -> None:
        self._backend = backend
        self._holds = holds

    async def tidy(self) -> bool:
        """Do so once."""
        if not self._backend.exists:
            return False
        for job in await self._backend.ask(lambda ledger: ledger.expired()):
            await asyncio.to_thread(self._backend.folder(job.id).remove)
            await self._holds.release(job.id, job.name, job.version)
            await self._backend.ask(lambda ledger: ledger.forget(job.id))  # noqa: B023 - it is awaited here
            log.info("job removed", extra={"job": job.id})
        if self._holds.due:
            await self._holds.renew(await self._backend.ask(lambda ledger: ledger.unfinished()))
        orphans = await asyncio.to_thread(self._old_folders)
        known = await self._backend.ask(lambda ledger: ledger.some(orphans)) if orphans else {}
        for job_id in orphans - known.keys():
            await asyncio.to_thread(self._backend.folder(job_id).remove)
            log.warning("orphaned folder removed", extra={"job": job_id})
        return False

    def _old_folders(self) -> set[str]:
        before = time.time() - _ORPHAN_AFTER_S
        try:
            folders = [path for path in self._backend.root.iterdir() if _JOB.fullmatch(path.name)]
            return {path.name for path in folders if path.stat().st_mtime < before}
        except FileNotFoundError:  # nothing there, or another process was quicker: the next time will do
            return set()
