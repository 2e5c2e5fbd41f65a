"""Scoring: from the images of a chunk to its rows, at the pace that others leave."""

import asyncio
import logging
import math
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from pydantic_core import to_json

from models.manifest import InputSpec
from models.postprocess import Probabilities, answer
from models.preprocess import Pixels
from service.errors import INTERNAL, Full, InferenceFailed, Problem, problem_of
from service.inference.decoding import Decoders, ImageInfo
from service.inference.engine import Engine
from service.inference.entries import Delivered
from service.inference.pipeline import Outcome, Timing
from service.jobs.pacer import Pacer
from service.jobs.sources import Source
from service.jobs.spool import Entry
from service.schemas import item_of
from service.uploads.upload import Upload

log = logging.getLogger(__name__)

_BYTES = 4_000_000  # of images that are in memory together, unless one alone has more
_AGAIN_S = 0.05


class Rows(NamedTuple):
    """Lines of JSON, in the order of the images, of which ``done`` were answered and ``failed`` were not."""

    lines: bytes
    done: int
    failed: int


class _Decoded(NamedTuple):
    image: ImageInfo
    pixels: Pixels
    seconds: float


class _Block(NamedTuple):
    rows: Rows
    seconds: float  # of work for each image; 0 where that is not known


class Scorer:
    """Scores images of jobs; one for the process, with threads of its own so that those who wait find theirs free."""

    def __init__(self, decoders: Decoders, pacer: Pacer, threads: int) -> None:
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="jobs-decode")
        self._decoders = decoders
        self._pacer = pacer
        self._handing_out = asyncio.Lock()

    async def score(self, engine: Engine, entries: Sequence[Entry], first: int, source: Source, top_k: int) -> Rows:
        """The rows of images, of which the first is number ``first`` of its job.

        Raises JobsUnavailable when they cannot be read, and NotReady when nothing runs the version now. Those that were
        asked for earlier are handed out earlier, so that at any time few chunks have begun.
        """
        tasks: list[asyncio.Task[_Block]] = []
        try:
            async with self._handing_out:
                place = 0
                while place < len(entries):
                    block = _fitting(entries[place:], await self._pacer.turn())
                    tasks.append(self._begin(block, self._block(engine, block, first + place, source, top_k)))
                    place += len(block)
            rows = [(await task).rows for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
        return Rows(
            b"".join(each.lines for each in rows), sum(each.done for each in rows), sum(each.failed for each in rows)
        )

    @property
    def each(self) -> float:
        """About how many seconds of work an image is."""
        return self._pacer.each

    def close(self) -> None:
        """Free the threads."""
        self.threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, block: Sequence[Entry], work: "Coroutine[Any, Any, _Block]") -> "asyncio.Task[_Block]":
        """In a task, whose end is noted even where it never began."""
        self._pacer.taken(len(block))
        task = asyncio.create_task(work)
        task.add_done_callback(partial(self._ended, len(block)))
        return task

    def _ended(self, images: int, task: "asyncio.Task[_Block]") -> None:
        ended_well = not task.cancelled() and task.exception() is None
        self._pacer.done(images, task.result().seconds if ended_well else 0)

    async def _block(self, engine: Engine, block: Sequence[Entry], first: int, source: Source, top_k: int) -> _Block:
        uploads = await source.fetch(block)
        decode = partial(self._decode, block, uploads, engine.manifest.input)
        decoded = await asyncio.get_running_loop().run_in_executor(self.threads, decode)
        outcomes = await self._run(engine, decoded, top_k)
        worked = [outcome.timing.total - outcome.timing.queue for outcome in outcomes if isinstance(outcome, Outcome)]
        return _Block(rows_of(block, outcomes, first), sum(worked) / len(worked) if worked else 0)

    def _decode(self, block: Sequence[Entry], uploads: Sequence[Upload], spec: InputSpec) -> list[_Decoded | Problem]:
        return [entry.problem or self._decode_one(upload, spec) for entry, upload in zip(block, uploads, strict=True)]

    def _decode_one(self, upload: Upload, spec: InputSpec) -> _Decoded | Problem:
        began = time.monotonic()
        try:
            image, pixels = self._decoders.decode_here(upload, spec)
        except Exception as error:  # noqa: BLE001 - an image fails alone, even where nobody foresaw how
            return _problem(error)
        return _Decoded(image, pixels, time.monotonic() - began)

    async def _run(self, engine: Engine, decoded: Sequence[_Decoded | Problem], top_k: int) -> list[Outcome | Problem]:
        waiting = {
            place: asyncio.ensure_future(engine.infer(found.pixels, math.inf, urgent=False))
            for place, found in enumerate(decoded)
            if isinstance(found, _Decoded)
        }
        try:
            return [
                found if isinstance(found, Problem) else await _outcome(engine, found, waiting[place], top_k)
                for place, found in enumerate(decoded)
            ]
        finally:
            for future in waiting.values():
                if not future.cancel() and not future.cancelled():
                    future.exception()  # was asked for, or asyncio would tell the log that nobody did


def rows_of(entries: Sequence[Entry], outcomes: Sequence[Outcome | Problem], first: int) -> Rows:
    """The rows of images, of which the first is number ``first`` of its job."""
    lines = [
        to_json(item_of(first + place, entry.name, outcome)) + b"\n"
        for place, (entry, outcome) in enumerate(zip(entries, outcomes, strict=True))
    ]
    failed = sum(isinstance(outcome, Problem) for outcome in outcomes)
    return Rows(b"".join(lines), len(outcomes) - failed, failed)


def _fitting(entries: Sequence[Entry], most: int) -> Sequence[Entry]:
    """As many of them as may be taken, and are in memory together."""
    size = 0
    for place, entry in enumerate(entries[:most]):
        size += entry.size
        if place and size > _BYTES:
            return entries[:place]
    return entries[:most]


async def _outcome(
    engine: Engine, found: _Decoded, waiting: "asyncio.Future[Delivered[Probabilities]]", top_k: int
) -> Outcome | Problem:
    """What became of an image that is run; one that failed among others is run again, for they may have been guilty."""
    try:
        try:
            delivered = await waiting
        except (InferenceFailed, Full):
            delivered = await _again(engine, found.pixels)
    except InferenceFailed as error:
        return _problem(error)
    run_s = delivered.run_s / delivered.batch
    timing = Timing(found.seconds, delivered.queue_s, delivered.run_s, found.seconds + delivered.queue_s + run_s)
    return Outcome(answer(delivered.row, engine.manifest, top_k), found.image, timing)


async def _again(engine: Engine, pixels: Pixels) -> Delivered[Probabilities]:
    while True:
        try:
            return await engine.infer(pixels, math.inf, urgent=False)
        except Full:  # of others' images on their way
            await asyncio.sleep(_AGAIN_S)


def _problem(error: Exception) -> Problem:
    problem = problem_of(error)
    if problem is INTERNAL:
        log.error("unexpected error", exc_info=error)
    elif isinstance(error, InferenceFailed):
        log.error("inference failed", extra={"reason": str(error.__cause__ or error)})
    return problem
