"""Shadowing: a share of the live images goes to a challenger as well, when nobody waits, and answers are compared."""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from models.errors import WhatsitError
from models.postprocess import Answer
from models.refs import Ref
from models.store import Resolved
from service.inference.examples import Examples
from service.inference.fleet import Fleet
from service.inference.pipeline import Pipeline
from service.observability.metrics import Metrics
from service.settings import Settings
from service.uploads.upload import Upload

log = logging.getLogger(__name__)

_WAITING, _WAITING_BYTES = 64, 32_000_000  # images; the oldest are let go for new ones
_IDLE_LOOKED_FOR_EVERY_S = 0.005
# Where somebody always waits, one image in this time is asked about all the same: else a shadow would see nothing.
_PATIENCE_S = 1.0
# Pairs of labels on which they disagree that are told apart, for each challenger; a thousand classes have a million.
_PAIRS = 1000
OTHERS = "(others)"


class _Seen(NamedTuple):
    resolved: Resolved
    challenger: int
    upload: Upload
    answer: Answer


class Shadow:
    """Asks the version that the alias ``shadow`` of a model names what it says of images that others answered.

    ``inside`` tells how many images are inside all processes of the service. ``run`` it for as long as the service
    runs. Counts go into the metrics, so that they add up over all processes.
    """

    def __init__(
        self,
        fleet: Fleet,
        pipeline: Pipeline,
        metrics: Metrics,
        settings: Settings,
        inside: Callable[[], int],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._fleet = fleet
        self._pipeline = pipeline
        self._metrics = metrics
        self._settings = settings
        self._inside = inside
        self._chance = chance
        self.examples = Examples(settings.shadow_examples, settings.shadow_examples_bytes)
        self._waiting: deque[_Seen] = deque()
        self._bytes = 0
        self._came = asyncio.Event()
        self._pairs: dict[tuple[str, str, str], set[tuple[str, str]]] = {}

    def offer(self, resolved: Resolved, upload: Upload, answer: Answer) -> None:
        """An image was answered so; a share of them is kept for the challenger, where there is one."""
        share = self._settings.shadow_share
        if not share or self._chance() >= share or (challenger := self._challenger(resolved)) is None:
            return
        self._waiting.append(_Seen(resolved, challenger, upload, answer))
        self._bytes += len(upload.data)
        while len(self._waiting) > _WAITING or self._bytes > _WAITING_BYTES:
            let_go = self._take()
            self._metrics.shadowed.add(*_key(let_go), "skipped")
        self._came.set()

    async def run(self) -> None:
        """Ask the challengers, one image at a time, whenever nobody else waits for anything."""
        while True:
            await self._came.wait()
            await self._idle()
            if not self._waiting:
                self._came.clear()
                continue
            seen = self._take()
            try:
                await self._ask(seen)
            except Exception as error:  # noqa: BLE001 - nobody waits for it, and the next image is another
                self._metrics.shadowed.add(*_key(seen), "failed")
                level = logging.INFO if isinstance(error, WhatsitError) else logging.ERROR
                log.log(level, "challenger failed", extra={"model": seen.resolved.name, "reason": str(error)})

    async def _idle(self) -> None:
        """Wait until nobody is inside, for a while."""
        until = time.monotonic() + _PATIENCE_S
        while self._inside() and time.monotonic() < until:  # noqa: ASYNC110 - to tell it would cost every request
            await asyncio.sleep(_IDLE_LOOKED_FOR_EVERY_S)

    def _take(self) -> _Seen:
        seen = self._waiting.popleft()
        self._bytes -= len(seen.upload.data)
        return seen

    def _challenger(self, resolved: Resolved) -> int | None:
        """Who challenges what answered; None for nobody, and for a version that was asked for by its number."""
        if resolved.alias is None:
            return None
        version = self._fleet.challenger(resolved.name)
        return None if version == resolved.version else version

    async def _ask(self, seen: _Seen) -> None:
        deadline = time.monotonic() + self._settings.request_timeout_s
        with await self._fleet.lease(Ref(seen.resolved.name, version=seen.challenger)) as lease:
            answer = await self._pipeline.answer_in_the_background(lease.engine, seen.upload, deadline)
        key, was, said = _key(seen), seen.answer, answer
        same = was.label == said.label
        if not same and self.examples.on:
            kept = (seen.resolved.name, key[1:], was.label, said.label, seen.upload.data)
            await asyncio.to_thread(self.examples.keep, *kept)
        self._metrics.shadowed.add(*key, "agreed" if same else "disagreed")
        if was.decision != said.decision:
            self._metrics.shadow_decisions.add(*key, was.decision, said.decision)
        if not same:
            self._metrics.shadow_labels.add(*key, *self._pair(key, was.label, said.label))

    def _pair(self, key: tuple[str, str, str], label: str, challenger_label: str) -> tuple[str, str]:
        """The labels as they are counted: of too many pairs, the last ones together."""
        pairs = self._pairs.setdefault(key, set())
        if (label, challenger_label) not in pairs and len(pairs) >= _PAIRS:
            return OTHERS, OTHERS
        pairs.add((label, challenger_label))
        return label, challenger_label


def _key(seen: _Seen) -> tuple[str, str, str]:
    return seen.resolved.name, str(seen.resolved.version), str(seen.challenger)
