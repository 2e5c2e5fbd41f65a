"""One image's way: a permit, decoding in a thread, its turn in a batch, the answer."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple, TypeVar

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

Made = TypeVar("Made")


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


class Scored(NamedTuple):
    """What the graph gave for one image, float32 ``[classes]``, in a batch of which size; 0 where it was remembered."""

    row: Probabilities
    image: ImageInfo
    timing: Timing
    batch: int


class _Queued(NamedTuple):
    """Pixels in the queue of their engine."""

    image: ImageInfo
    began: float
    decoded: float
    row: "asyncio.Future[Delivered[Probabilities]]"


class Pipeline:
    """Runs images through an engine; one for the process, shared by all requests."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.admission = Admission(settings.queue_capacity, settings.request_timeout_s)
        self._metrics = metrics
        self.decoders = Decoders(settings)
        self._cache = Cache(settings.cache_bytes)

    async def predict(self, engine: Engine, upload: Upload, top_k: int, deadline: float) -> Outcome:
        """Answer one image; raises Full, an ImageError, DeadlinePassed or InferenceFailed."""
        self.admission.enter(1)
        try:
            return _outcome(await self._score(engine, upload, deadline), engine, top_k)
        finally:
            self.admission.leave(1)

    async def predict_many(
        self, engine: Engine, uploads: list[Upload], top_k: int, deadline: float
    ) -> list[Outcome | Problem]:
        """Answer each image by itself, in order; raises Full when there is no room for all."""
        outcomes = await self._many(engine, uploads, deadline, lambda scored: _outcome(scored, engine, top_k))
        return [self._failed(one) if isinstance(one, Exception) else one for one in outcomes]

    async def score_many(
        self, engine: Engine, images: Sequence[Upload | Pixels], deadline: float
    ) -> list[Scored | Exception]:
        """Score each image, encoded or as pixels ``[height, width, channels]`` already, in order.

        Where one failed, its error stands in its place. Raises Full when there is no room for all.
        """
        return await self._many(engine, images, deadline, lambda scored: scored)

    async def predict_each(
        self, engine: Engine, uploads: list[Upload], top_k: int, deadline: float
    ) -> AsyncGenerator[tuple[int, Outcome | Problem], None]:
        """Answer each image by itself, with its place, as soon as it is ready; to be closed when nobody listens.

        Raises Full at first when there is no room for all.
        """
        self.admission.enter(len(uploads))
        tasks = {
            asyncio.create_task(self._settled(engine, upload, top_k, deadline)): place
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
        _, pixels = await self.decoders.decode(upload, engine.manifest.input)
        return answer((await engine.infer(pixels, deadline, urgent=False)).row, engine.manifest, 1)

    def longest_decode(self) -> float:
        """Seconds since the oldest decode that goes on in a thread now began; 0 when none does."""
        return self.decoders.longest()

    def close(self) -> None:
        """Free the decoding threads."""
        self.decoders.close()

    async def _many(
        self, engine: Engine, images: Sequence[Upload | Pixels], deadline: float, make: Callable[[Scored], Made]
    ) -> list[Made | Exception]:
        """What is made of each image as soon as it and all before it are scored, or the error that it failed by."""
        self.admission.enter(len(images))
        queued: list[_Queued | None] = []
        others: list[asyncio.Task[Made | Exception]] = []
        try:
            for image in images:
                queued.append(self._queue_at_once(engine, image, deadline))
                if queued[-1] is None and isinstance(image, Upload):
                    others.append(asyncio.create_task(self._made(engine, image, deadline, make)))
            rest = iter(others)
            return [
                await (next(rest) if place is None else self._made(engine, place, deadline, make)) for place in queued
            ]
        finally:  # what was left unfinished has nobody who waits for it
            for task in others:
                task.cancel()
            for place in filter(None, queued):
                place.row.cancel()
            self.admission.leave(len(images))

    async def _made(
        self, engine: Engine, image: Upload | _Queued, deadline: float, make: Callable[[Scored], Made]
    ) -> Made | Exception:
        try:
            return make(await self._score(engine, image, deadline))
        except Exception as error:  # noqa: BLE001 - an image fails alone, even where nobody foresaw how
            return error

    async def _settled(self, engine: Engine, upload: Upload, top_k: int, deadline: float) -> Outcome | Problem:
        made = await self._made(engine, upload, deadline, lambda scored: _outcome(scored, engine, top_k))
        return self._failed(made) if isinstance(made, Exception) else made

    def _failed(self, error: Exception) -> Problem:
        problem = problem_of(error)
        self._metrics.errors.add(problem.type)
        if problem is INTERNAL:
            log.error("unexpected error", exc_info=error)
        return problem

    async def _score(self, engine: Engine, image: Upload | _Queued, deadline: float) -> Scored:
        """What the graph gives for one image; counts how its way ended, and measures where its time went."""
        manifest, ended = engine.manifest, "failed"
        name, version = manifest.name, str(manifest.version)
        began = image.began if isinstance(image, _Queued) else time.monotonic()
        try:
            if isinstance(image, _Queued):
                scored = _scored(image, await image.row)
            else:
                scored = await self._run(engine, image, deadline, began)
            ended = "ok"
        except ImageError:
            self.admission.finished()
            raise
        except InferenceFailed as error:
            self.admission.finished()
            reason = str(error.__cause__ or error)
            log.error("inference failed", extra={"model": name, "version": manifest.version, "reason": reason})
            raise
        finally:
            self._metrics.images.add(name, version, ended)
            if ended == "failed":
                self._metrics.stages.observe(time.monotonic() - began, "failed", name, version)
        self.admission.finished()
        self._measure(name, version, scored.timing, scored.batch)
        return scored

    def _measure(self, name: str, version: str, timing: Timing, batch: int) -> None:
        metrics, observe = self._metrics, self._metrics.stages.observe
        metrics.answered.set(time.time(), name, version)
        if batch:
            metrics.batches.observe(batch)
            metrics.runs.observe(timing.inference, name, version, str(batch))
        else:
            metrics.remembered.add(name, version)
            observe(timing.total, "remembered", name, version)
        observe(timing.decode, "decode", name, version)
        observe(timing.queue, "queue", name, version)
        observe(timing.inference, "inference", name, version)
        observe(timing.total, "total", name, version)

    async def _run(self, engine: Engine, upload: Upload, deadline: float, began: float) -> Scored:
        key = self._cache.key(upload.data, engine)
        if key is not None and (seen := self._cache.get(key)) is not None:
            return Scored(seen.row, seen.image, Timing(0, 0, 0, time.monotonic() - began), 0)
        queued = self._queue_small(engine, upload, deadline)
        if queued is None:
            image, pixels = await self.decoders.decode(upload, engine.manifest.input)
            queued = _queue(engine, image, pixels, deadline, began)
        scored = _scored(queued, await queued.row)
        if key is not None:
            self._cache.put(key, Seen(queued.image, scored.row))
        return scored

    def _queue_at_once(self, engine: Engine, image: Upload | Pixels, deadline: float) -> _Queued | None:
        """Queue pixels, or an image that is small: it needs no task, which takes a tenth of its time, but in a batch.

        None for all others, also for one that is broken or may be remembered: they go their way alone.
        """
        if not isinstance(image, Upload):
            height, width, _ = image.shape
            return _queue(engine, ImageInfo("pixels", width, height), image, deadline, time.monotonic())
        if self._cache.on:
            return None
        try:
            return self._queue_small(engine, image, deadline)
        except Exception:  # noqa: BLE001 - whatever it is, it is raised again on the image's own way, and told there
            return None

    def _queue_small(self, engine: Engine, upload: Upload, deadline: float) -> _Queued | None:
        began = time.monotonic()
        found = self.decoders.decode_small(upload, engine.manifest.input)
        return found and _queue(engine, *found, deadline, began)


def _queue(engine: Engine, image: ImageInfo, pixels: Pixels, deadline: float, began: float) -> _Queued:
    decoded = time.monotonic()
    return _Queued(image, began, decoded, asyncio.ensure_future(engine.infer(pixels, deadline)))


def _scored(queued: _Queued, delivered: Delivered[Probabilities]) -> Scored:
    now, began = time.monotonic(), queued.began
    timing = Timing(queued.decoded - began, delivered.queue_s, delivered.run_s, now - began)
    return Scored(delivered.row, queued.image, timing, delivered.batch)


def _outcome(scored: Scored, engine: Engine, top_k: int) -> Outcome:
    return Outcome(answer(scored.row, engine.manifest, top_k), scored.image, scored.timing)
