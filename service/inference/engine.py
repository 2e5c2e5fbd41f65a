"""An engine: one version opened in memory on one device, with a queue of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import numpy as np

from models.manifest import Manifest, Precision
from models.opening import Opened
from models.postprocess import Probabilities
from models.precision import RealDevice
from models.preprocess import Pixels
from service.errors import InferenceFailed
from service.inference.batcher import Batcher
from service.inference.entries import Delivered


class Engine(Protocol):
    """What answers for one version, in this process or in another."""

    @property
    def manifest(self) -> Manifest:
        """What the version is."""

    @property
    def device(self) -> RealDevice:
        """``cpu`` or ``cuda``."""

    @property
    def precision(self) -> Precision:
        """The precision of the graph that runs."""

    @property
    def memory(self) -> int:
        """About how much memory of this process it takes."""

    def infer(self, pixels: Pixels, deadline: float, *, urgent: bool = True) -> Awaitable[Delivered[Probabilities]]:
        """Float32 ``[classes]`` to come for uint8 ``[height, width, channels]``; see Batcher.submit."""

    async def healthy(self) -> bool:
        """Whether it answers."""

    def lost(self, most: float) -> bool:
        """Whether it will answer no more: a run has taken longer than ``most`` seconds, or its process is gone."""

    async def close(self) -> None:
        """Finish what was accepted."""

    def abandon(self, most: float = 0.0) -> None:
        """Stop the runs, and fail what is in those that have taken longer than ``most`` seconds."""

    def hand_over(self, successor: "Engine | None") -> None:
        """Give what else an abandoned one had to the engine that takes its place; fail it where there is none."""


class LocalEngine:
    """Runs the graph of ``opened`` in batches of at most ``max_batch``, ``lanes`` at a time.

    ``inside`` tells how many images are inside the service: a batch of all of them has the machine to itself. Make it
    inside a running loop.
    """

    def __init__(
        self,
        opened: Opened,
        max_batch: int,
        max_wait: float = 0.0,
        lanes: int = 1,
        inside: Callable[[], int] = lambda: 0,
    ) -> None:
        self._opened = opened
        self._inside = inside
        self._batcher: Batcher[Pixels, Probabilities] = Batcher(self._run, max_batch, max_wait, lanes)
        self._proved = True  # opening proved it

    @property
    def manifest(self) -> Manifest:
        """What the version is."""
        return self._opened.manifest

    @property
    def device(self) -> RealDevice:
        """``cpu`` or ``cuda``."""
        return self._opened.session.device

    @property
    def precision(self) -> Precision:
        """The precision of the graph that runs."""
        return self._opened.precision

    @property
    def memory(self) -> int:
        """About how much memory of this process it takes: the weights, and what onnxruntime makes of them."""
        return 2 * self._opened.size

    def infer(self, pixels: Pixels, deadline: float, *, urgent: bool = True) -> Awaitable[Delivered[Probabilities]]:
        """Float32 ``[classes]`` to come for uint8 ``[height, width, channels]``; see Batcher.submit."""
        return self._batcher.submit(pixels, deadline, urgent=urgent)

    async def healthy(self) -> bool:
        """Whether it answers: known from its last batch, else tried out on the golden images."""
        if not self._batcher.alive:
            return False
        if not self._proved:
            self._proved = await asyncio.to_thread(self._prove)
        return self._proved

    def lost(self, most: float) -> bool:
        """Whether it will answer no more: a run has taken longer than ``most`` seconds, or its process is gone."""
        return self._batcher.longest_run() > most

    async def close(self) -> None:
        """Finish what was accepted."""
        await self._batcher.close()

    def abandon(self, most: float = 0.0) -> None:
        """Stop the runs, and fail what is in those that have taken longer than ``most`` seconds.

        One that hangs in a single node keeps its thread for ever.
        """
        self._batcher.abandon(most)
        self._opened.session.stop()

    def hand_over(self, successor: Engine | None) -> None:
        """Give what else it had to the engine that takes its place; fail it where there is none."""
        self._batcher.hand_over(successor._batcher if isinstance(successor, LocalEngine) else None)  # noqa: SLF001

    def _run(self, images: list[Pixels]) -> Sequence[Probabilities | Exception]:
        try:
            pixels = images[0][None] if len(images) == 1 else np.stack(images)
            rows = self._opened.session.run(pixels, alone=self._inside() <= len(images))
        except Exception:
            self._proved = False
            raise
        self._proved = True
        if np.isfinite(rows).all():
            return list(rows)
        return [row if np.isfinite(row).all() else _nonsense() for row in rows]

    def _prove(self) -> bool:
        try:
            self._opened.prove()
        except Exception:  # noqa: BLE001 - whatever it is, the engine does not answer
            return False
        return True


def _nonsense() -> InferenceFailed:
    return InferenceFailed("the model gave something that is not a number for this image")
