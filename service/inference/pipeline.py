"""One image's way: a permit, decoding in a thread, its turn in a batch, the answer."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from typing import NamedTuple

from models.errors import ImageError
from models.postprocess import Answer, Probabilities, answer
from models.preprocess import Pixels
from service.errors import INTERNAL, LATE, DeadlinePassed, InferenceFailed, Problem, problem_of
from service.inference.admission import Admission
from service.inference.cache import Cache, Seen
from service.inference.decoding import Decoders, ImageInfo
from service.inference.engine import Engine
from service.inference.entries import Delivered
from service.observability.metrics import Metrics
from service.settings import Settings
from service.uploads.upload import Upload

log = logging.getLogger(__name__)


class Timing(NamedTuple):
    """Where the time of one image went, in seconds."""

    decode: float
    queue: float
    inference: float
    total: float


class Outcome(NamedTuple):
    """The answer for one image."""

    answer: Answer
    image: ImageInfo
    timing: Timing


class _Queued(NamedTuple):
    """A decoded image in the queue of its engine."""

    image: ImageInfo
    began: float
    decoded: float
    row: "asyncio.Future[Delivered[Probabilities]]"


class Pipeline:
    """Runs images through an engine; one for the process, shared by all requests."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.admission = Admission(settings.queue_capacity, settings.request_timeout_s)
        self._metrics = metrics
        self._decoders = Decoders(settings)
        self._cache = Cache(settings.cache_bytes)

    async def predict(self, engine: Engine, upload: Upload, top_k: int, deadline: float) -> Outcome:
        """Answer one image; raises Full, an ImageError, DeadlinePassed or InferenceFailed."""
        self.admission.enter(1)
        try:
            return await self._answer(engine, upload, top_k, deadline)
        finally:
            self.admission.leave(1)

    async def predict_many(
        self, engine: Engine, uploads: list[Upload], top_k: int, deadline: float
    ) -> list[Outcome | Problem]:
        """Answer each image by itself, in order; raises Full when there is no room for all."""
        self.admission.enter(len(uploads))
        queued: list[_Queued | None] = []
        others: list[asyncio.Task[Outcome | Problem]] = []
        try:
            for upload in uploads:
                queued.append(self._queue_at_once(engine, upload, deadline))
                if queued[-1] is None:
                    others.append(asyncio.create_task(self._outcome(engine, upload, top_k, deadline)))
            rest = iter(others)
            return [
                await (next(rest) if place is None else self._outcome(engine, upload, top_k, deadline, place))
                for upload, place in zip(uploads, queued, strict=True)
            ]
        finally:  # what was left unfinished has nobody who waits for it
            for task in others:
                task.cancel()
            for place in filter(None, queued):
                place.row.cancel()
            self.admission.leave(len(uploads))

    async def predict_each(
        self, engine: Engine, uploads: list[Upload], top_k: int, deadline: float
    ) -> AsyncGenerator[tuple[int, Outcome | Problem], None]:
        """Answer each image by itself, with its place, as soon as it is ready; to be closed when nobody listens.

        Raises Full at first when there is no room for all.
        """
        self.admission.enter(len(uploads))
        tasks = {
            asyncio.create_task(self._outcome(engine, upload, top_k, deadline)): place
            for place, upload in enumerate(uploads)
        }
        pending, held = set(tasks), len(tasks)
        try:
            while pending:
                left = deadline - time.monotonic()
                done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                late, pending = (set(), pending) if done else (pending, set())
                for task in sorted(done | late, key=tasks.__getitem__):
                    self.admission.leave(1)
                    held -= 1
                    yield tasks[task], problem_of(DeadlinePassed(LATE)) if task in late else task.result()
        finally:
            for task in tasks:
                task.cancel()
            self.admission.leave(held)

    async def answer_in_the_background(self, engine: Engine, upload: Upload, deadline: float) -> Answer:
        """What an engine says of an image that nobody waits for; it is counted nowhere, and takes no permit."""
        _, pixels = await self._decoders.decode(upload, engine.manifest.input)
        return answer((await engine.infer(pixels, deadline, urgent=False)).row, engine.manifest, 1)

    def longest_decode(self) -> float:
        """Seconds since the oldest decode that goes on in a thread now began; 0 when none does."""
        return self._decoders.longest()

    def close(self) -> None:
        """Free the decoding threads."""
        self._decoders.close()

    async def _outcome(
        self, engine: Engine, upload: Upload, top_k: int, deadline: float, queued: _Queued | None = None
    ) -> Outcome | Problem:
        try:
            return await self._answer(engine, upload, top_k, deadline, queued)
        except Exception as error:  # noqa: BLE001 - an image fails alone, even where nobody foresaw how
            return self._failed(error)

    def _failed(self, error: Exception) -> Problem:
        problem = problem_of(error)
        self._metrics.errors.add(problem.type)
        if problem is INTERNAL:
            log.error("unexpected error", exc_info=error)
        return problem

    async def _answer(
        self, engine: Engine, upload: Upload, top_k: int, deadline: float, queued: _Queued | None = None
    ) -> Outcome:
        manifest, ended = engine.manifest, "failed"
        try:
            outcome, batch = await self._run(engine, upload, top_k, deadline, queued)
            ended = "ok"
        except ImageError:
            self.admission.finished()
            raise
        except InferenceFailed as error:
            self.admission.finished()
            reason = str(error.__cause__ or error)
            log.error("inference failed", extra={"model": manifest.name, "version": manifest.version, "reason": reason})
            raise
        finally:
            self._metrics.images.add(manifest.name, str(manifest.version), ended)
        self.admission.finished()
        self._measure(outcome.timing, batch, engine)
        return outcome

    def _measure(self, timing: Timing, batch: int, engine: Engine) -> None:
        if batch:
            self._metrics.batches.observe(batch)
        observe = self._metrics.stages.observe
        observe(timing.decode, "decode")
        observe(timing.queue, "queue")
        observe(timing.inference, "inference")
        observe(timing.total, "total")
        self._metrics.versions.observe(timing.total, engine.manifest.name, str(engine.manifest.version))

    async def _run(
        self, engine: Engine, upload: Upload, top_k: int, deadline: float, queued: _Queued | None
    ) -> tuple[Outcome, int]:
        """The outcome, and the size of the batch that it came from; 0 where it was remembered."""
        manifest = engine.manifest
        started = time.monotonic()
        key = None if queued else self._cache.key(upload.data, engine)
        if key is not None and (seen := self._cache.get(key)) is not None:
            self._metrics.remembered.add(manifest.name, str(manifest.version))
            timing = Timing(0, 0, 0, time.monotonic() - started)
            return Outcome(answer(seen.row, manifest, top_k), seen.image, timing), 0
        queued = queued or self._queue_small(engine, upload, deadline)
        if queued is None:
            image, pixels = await self._decoders.decode(upload, manifest.input)
            queued = _queue(engine, image, pixels, deadline, started)
        delivered = await queued.row
        timing = Timing(
            queued.decoded - queued.began, delivered.queue_s, delivered.run_s, time.monotonic() - queued.began
        )
        if key is not None:
            self._cache.put(key, Seen(queued.image, delivered.row))
        return Outcome(answer(delivered.row, manifest, top_k), queued.image, timing), delivered.batch

    def _queue_at_once(self, engine: Engine, upload: Upload, deadline: float) -> _Queued | None:
        """Queue an image that is small, so that it needs no task, which takes a tenth of its time, but in a batch.

        None for all others, also for one that is broken or may be remembered: they go their way alone.
        """
        if self._cache.on:
            return None
        try:
            return self._queue_small(engine, upload, deadline)
        except Exception:  # noqa: BLE001 - whatever it is, it is raised again on the image's own way, and told there
            return None

    def _queue_small(self, engine: Engine, upload: Upload, deadline: float) -> _Queued | None:
        began = time.monotonic()
        found = self._decoders.decode_small(upload, engine.manifest.input)
        return found and _queue(engine, *found, deadline, began)


def _queue(engine: Engine, image: ImageInfo, pixels: Pixels, deadline: float, began: float) -> _Queued:
    decoded = time.monotonic()
    return _Queued(image, began, decoded, asyncio.ensure_future(engine.infer(pixels, deadline)))
