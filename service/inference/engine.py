"""An engine: one version opened in memory on one device, with a thread and a queue of its own."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from models.manifest import Manifest, Precision
from models.opening import Opened
from models.postprocess import Probabilities
from models.precision import RealDevice
from models.preprocess import Pixels
from service.inference.batcher import Batcher, Delivered


class Engine:
    """Runs the graph of ``opened`` in batches; make it inside a running loop."""

    def __init__(self, opened: Opened, max_batch: int, max_wait: float = 0.0) -> None:
        self._opened = opened
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"engine-{opened.manifest.name}")
        self._batcher: Batcher[Pixels, Probabilities] = Batcher(self._run, max_batch, max_wait)
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

    async def infer(self, pixels: Pixels, deadline: float) -> Delivered[Probabilities]:
        """Return float32 ``[classes]`` for uint8 ``[height, width, channels]``; see Batcher.submit."""
        return await self._batcher.submit(pixels, deadline)

    async def healthy(self) -> bool:
        """Whether it answers: known from its last batch, else tried out on the golden images."""
        if not self._batcher.alive:
            return False
        if not self._proved:
            self._proved = await self._prove()
        return self._proved

    async def close(self) -> None:
        """Finish what was accepted, then free the thread."""
        await self._batcher.close()
        self._thread.shutdown()

    async def _run(self, images: list[Pixels]) -> list[Probabilities]:
        try:
            rows = await asyncio.get_running_loop().run_in_executor(self._thread, self._run_now, images)
        except Exception:
            self._proved = False
            raise
        self._proved = True
        return rows

    def _run_now(self, images: list[Pixels]) -> list[Probabilities]:
        return list(self._opened.session.run(np.stack(images)))

    async def _prove(self) -> bool:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._opened.prove)
        except Exception:  # noqa: BLE001 - whatever it is, the engine does not answer
            return False
        return True
