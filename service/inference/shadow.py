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

_WAITING = 64  # images; those that find no room are let go
_IDLE_LOOKED_FOR_EVERY_S = 0.005
# Pairs of labels that are told apart; a thousand classes have a million.
_PAIRS = 2000
OTHERS = "(others)"


class _Seen(NamedTuple):
    resolved: Resolved
    challenger: int
    upload: Upload
    answer: Answer


class Shadow:
    """Asks the version that the alias ``shadow`` of a model names what it says of images that others answered.

    ``run`` it for as long as the service runs. Counts go into the metrics, so that they add up over all processes.
    """

    def __init__(
        self,
        fleet: Fleet,
        pipeline: Pipeline,
        metrics: Metrics,
        settings: Settings,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._fleet = fleet
        self._pipeline = pipeline
        self._metrics = metrics
        self._settings = settings
        self._chance = chance
        self.examples = Examples(settings.shadow_examples, settings.shadow_examples_bytes)
        self._waiting: deque[_Seen] = deque()
        self._came = asyncio.Event()
        self._pairs: set[tuple[str, ...]] = set()

    def offer(self, resolved: Resolved, upload: Upload, answer: Answer) -> None:
        """An image was answered so; a share of them is kept for the challenger, where there is one."""
        share = self._settings.shadow_share
        if not share or self._chance() >= share or (challenger := self._challenger(resolved)) is None:
            return
        if len(self._waiting) >= _WAITING:
            self._metrics.shadowed.add(*_key(resolved, challenger), "skipped")
            return
        self._waiting.append(_Seen(resolved, challenger, upload, answer))
        self._came.set()

    async def run(self) -> None:
        """Ask the challengers, one image at a time, whenever nobody else waits for anything."""
        while True:
            await self._came.wait()
            while self._pipeline.admission.inside:  # noqa: ASYNC110 - to tell it would cost every request
                await asyncio.sleep(_IDLE_LOOKED_FOR_EVERY_S)
            if not self._waiting:
                self._came.clear()
                continue
            await self._ask(self._waiting.popleft())

    def _challenger(self, resolved: Resolved) -> int | None:
        """Who challenges what answered; None for nobody, and for a version that was asked for by its number."""
        if resolved.alias is None:
            return None
        version = self._fleet.challenger(resolved.name)
        return None if version == resolved.version else version

    async def _ask(self, seen: _Seen) -> None:
        deadline = time.monotonic() + self._settings.request_timeout_s
        try:
            with await self._fleet.lease(Ref(seen.resolved.name, version=seen.challenger)) as lease:
                answer = await self._pipeline.answer_in_the_background(lease.engine, seen.upload, deadline)
        except WhatsitError as error:
            self._metrics.shadowed.add(*_key(seen.resolved, seen.challenger), "failed")
            log.info("challenger failed", extra={"model": seen.resolved.name, "reason": str(error)})
            return
        self._note(seen, answer)

    def _note(self, seen: _Seen, answer: Answer) -> None:
        key, was, said = _key(seen.resolved, seen.challenger), seen.answer, answer
        self._metrics.shadowed.add(*key, "agreed" if was.label == said.label else "disagreed")
        pair = (*key, was.label, said.label)
        if pair not in self._pairs and len(self._pairs) >= _PAIRS:
            pair = (*key, OTHERS, OTHERS)
        self._pairs.add(pair)
        self._metrics.shadow_labels.add(*pair)
        if was.decision != said.decision:
            self._metrics.shadow_decisions.add(*key, was.decision, said.decision)
        if was.label != said.label:
            self.examples.keep(seen.resolved.name, key[1:], was.label, said.label, seen.upload.data)


def _key(resolved: Resolved, challenger: int) -> tuple[str, str, str]:
    return resolved.name, str(resolved.version), str(challenger)
