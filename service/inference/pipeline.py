"""One image's way: a permit, decoding in a thread, its turn in a batch, the answer."""

import asyncio
import logging
import time
from typing import NamedTuple

from models.errors import ImageError
from models.postprocess import Answer, answer
from service.errors import INTERNAL, InferenceFailed, Problem, problem_of
from service.inference.admission import Admission
from service.inference.cache import Cache, Seen
from service.inference.decoding import Decoders, ImageInfo
from service.inference.engine import Engine
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
        try:
            return await asyncio.gather(*(self._outcome(engine, upload, top_k, deadline) for upload in uploads))
        finally:
            self.admission.leave(len(uploads))

    def longest_decode(self) -> float:
        """Seconds since the oldest decode that goes on in a thread now began; 0 when none does."""
        return self._decoders.longest()

    def close(self) -> None:
        """Free the decoding threads."""
        self._decoders.close()

    async def _outcome(self, engine: Engine, upload: Upload, top_k: int, deadline: float) -> Outcome | Problem:
        try:
            return await self._answer(engine, upload, top_k, deadline)
        except Exception as error:  # noqa: BLE001 - an image fails alone, even where nobody foresaw how
            return self._failed(error)

    def _failed(self, error: Exception) -> Problem:
        problem = problem_of(error)
        self._metrics.errors.add(problem.type)
        if problem is INTERNAL:
            log.error("unexpected error", exc_info=error)
        return problem

    async def _answer(self, engine: Engine, upload: Upload, top_k: int, deadline: float) -> Outcome:
        manifest, ended = engine.manifest, "failed"
        try:
            outcome, batch = await self._run(engine, upload, top_k, deadline)
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
        self._measure(outcome.timing, batch)
        return outcome

    def _measure(self, timing: Timing, batch: int) -> None:
        if batch:
            self._metrics.batches.observe(batch)
        observe = self._metrics.stages.observe
        observe(timing.decode, "decode")
        observe(timing.queue, "queue")
        observe(timing.inference, "inference")
        observe(timing.total, "total")

    async def _run(self, engine: Engine, upload: Upload, top_k: int, deadline: float) -> tuple[Outcome, int]:
        """The outcome, and the size of the batch that it came from; 0 where it was remembered."""
        manifest = engine.manifest
        started = time.monotonic()
        key = self._cache.key(upload.data, engine)
        if key is not None and (seen := self._cache.get(key)) is not None:
            self._metrics.remembered.add(manifest.name, str(manifest.version))
            timing = Timing(0, 0, 0, time.monotonic() - started)
            return Outcome(answer(seen.row, manifest, top_k), seen.image, timing), 0
        decoders, spec = self._decoders, manifest.input
        image, pixels = decoders.decode_small(upload, spec) or await decoders.decode(upload, spec)
        decoded = time.monotonic()
        delivered = await engine.infer(pixels, deadline)
        timing = Timing(decoded - started, delivered.queue_s, delivered.run_s, time.monotonic() - started)
        if key is not None:
            self._cache.put(key, Seen(image, delivered.row))
        return Outcome(answer(delivered.row, manifest, top_k), image, timing), delivered.batch
