"""The runner: takes from the queue what is to be done, and has it done, for as long as the service runs.

Every worker process has one. What dies with it is taken by another when the time is over for which it was lent.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence

from service.errors import DiskFull, JobsUnavailable
from service.jobs.backend import Backend
from service.jobs.chunk_work import ChunkWork
from service.jobs.phase_work import PhaseWork
from service.jobs.records import Chunk, Place
from service.jobs.spool import CHUNK
from service.jobs.writing import Scored, Writer

log = logging.getLogger(__name__)

_LOOKED_FOR_EVERY_S = 1.0
# So much work is taken ahead, that no core waits while what is done is written; in chunks at least and at most.
_AHEAD_S = 0.5
_LEAST, _MOST = 2, 32


class Runner:
    """``stopping`` tells whether the process is about to end, ``changed`` is called when something became of a job."""

    def __init__(
        self,
        backend: Backend,
        chunk_work: ChunkWork,
        phase_work: PhaseWork,
        stopping: Callable[[], bool],
        changed: Callable[[Sequence[Scored]], None],
    ) -> None:
        self._backend = backend
        self._chunk_work = chunk_work
        self._phase_work = phase_work
        self._stopping = stopping
        self._changed = changed
        self._writer = Writer(backend, self._over, chunk_work.fail)
        self._chunks: dict[Place, asyncio.Task[None]] = {}  # until they are written
        self._scoring = 0
        self._alone = False  # with a chunk that its last holder died of, perhaps
        self._phases: dict[str, asyncio.Task[None]] = {}
        self._looks = (asyncio.Event(), asyncio.Event())

    def wake(self) -> None:
        """Look for work at once."""
        for look in self._looks:
            look.set()

    async def run(self) -> None:
        """Work, once there are jobs; what is held in the end is given back."""
        while not self._backend.exists:
            await _pause(self._looks[0])
        loops = (
            again_and_again(self._writer.step, self._writer.came),
            again_and_again(self._take_chunks, self._looks[0]),
            again_and_again(self._take_phase, self._looks[1]),
            again_and_again(self._renew, pause=min(_LOOKED_FOR_EVERY_S, self._backend.lease / 4)),
        )
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._give_all_back()
            self._writer.close()

    async def _take_chunks(self) -> bool:
        ahead = min(_MOST, max(_LEAST, math.ceil(_AHEAD_S / (self._chunk_work.each * CHUNK))))
        if self._scoring > ahead // 2 or self._alone or self._stopping():
            return False
        found = await self._backend.order(lambda queue: queue.claim(ahead - self._scoring))
        if not found and not self._chunks:
            found = await self._backend.order(lambda queue: queue.claim(1, suspects=True))
            self._alone = bool(found)
        for chunk in found:
            self._scoring += 1
            self._chunks[chunk.place] = asyncio.create_task(self._score(chunk))
        if not self._chunks:
            self._writer.rest()
        return bool(found)

    async def _take_phase(self) -> bool:
        if self._stopping():
            return False
        job = await self._backend.order(lambda queue: queue.claim_phase())
        if job is None:
            return False
        task = self._phases[job.id] = asyncio.create_task(self._phase_work.do(job))
        task.add_done_callback(lambda _: self._phases.pop(job.id))
        await asyncio.wait([task])
        self._changed(())
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
        return True

    async def _renew(self) -> bool:
        """Put off what is held, and let go of what is not any more: its job was cancelled, say."""
        if self._stopping():
            await self._give_all_back()
            return False
        chunks, phases = dict(self._chunks), dict(self._phases)
        whole = phases.keys() | self._backend.receiving
        if not chunks and not whole:
            return False
        held = await self._backend.order(lambda queue: queue.renew(chunks, whole))
        for place, task in chunks.items():
            if place not in held.chunks:
                self._forget(place)
                task.cancel()
        for job_id, task in phases.items():
            if job_id not in held.jobs:
                task.cancel()
        return False

    async def _score(self, chunk: Chunk) -> None:
        rows = None
        try:
            rows = await self._chunk_work.do(chunk)
        except (JobsUnavailable, DiskFull) as error:
            log.error("a chunk is left alone", extra={"job": chunk.job.id, "reason": str(error)})
        except Exception:  # it will be tried again, and given up in the end
            log.exception("unexpected error", extra={"job": chunk.job.id})
        finally:
            self._scoring -= 1
            self._looks[0].set()
            if rows is None:
                self._forget(chunk.place)
        if rows is None:
            self._changed(())
        else:
            self._writer.take(Scored(chunk, rows))

    def _over(self, batch: Sequence[Scored]) -> None:
        for scored in batch:
            self._forget(scored.chunk.place)
        self._changed(batch)
        self.wake()

    def _forget(self, place: Place) -> None:
        self._chunks.pop(place, None)
        self._alone = self._alone and bool(self._chunks)

    async def _give_all_back(self) -> None:
        chunks, phases = dict(self._chunks), dict(self._phases)
        for task in (*chunks.values(), *phases.values()):
            task.cancel()
        await asyncio.gather(*chunks.values(), *phases.values(), return_exceptions=True)
        self._chunks.clear()
        if chunks:
            try:
                await self._backend.order(lambda queue: queue.release(list(chunks)))
            except (JobsUnavailable, DiskFull) as error:  # then others take it a little later
                log.warning("what is held cannot be given back", extra={"reason": str(error)})


async def again_and_again(
    step: Callable[[], Awaitable[bool]], look: asyncio.Event | None = None, pause: float = _LOOKED_FOR_EVERY_S
) -> None:
    """Take steps for ever: the next at once where one found something to do, else after a pause or at a ``look``.

    Without the database it waits until that is back.
    """
    look = look or asyncio.Event()
    while True:
        more = False
        try:
            more = await step()
        except (JobsUnavailable, DiskFull) as error:
            log.error("jobs wait", extra={"reason": str(error)})
            await asyncio.sleep(pause)
        except Exception:  # whatever it is, the next step may go well
            log.exception("unexpected error")
            await asyncio.sleep(pause)
        if not more:
            await _pause(look, pause)


async def _pause(look: asyncio.Event, most: float = _LOOKED_FOR_EVERY_S) -> None:
    try:
        async with asyncio.timeout(most):
            await look.wait()
    except TimeoutError:
        return
    look.clear()
