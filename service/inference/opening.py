"""Makes engines: opens a version in this process, and finds out how it runs best."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from models.opening import Opened, open_version
from models.store import Store
from service.inference.engine import Engine, LocalEngine
from service.inference.sharing import lanes_of, threads_of
from service.inference.tuning import best_batch
from service.settings import Settings

log = logging.getLogger(__name__)


class Opener(Protocol):
    """Opens versions, here or elsewhere."""

    async def __call__(self, name: str, version: int) -> Engine:
        """Return an engine that was proved; raises NotFound, a BundleError or DeviceUnavailable."""


class LocalOpener:
    """Opens versions in this process.

    ``inside`` tells how many images are inside the service, for engines that want the machine to themselves.
    """

    def __init__(self, store: Store, settings: Settings, inside: Callable[[], int] = lambda: 0) -> None:
        self._store = store
        self._settings = settings
        self._inside = inside

    async def __call__(self, name: str, version: int) -> Engine:
        """Return an engine that was proved; raises NotFound, a BundleError or DeviceUnavailable."""
        opened, max_batch, seconds = await asyncio.to_thread(self._open, name, version)
        lanes = lanes_of(self._settings, opened.session.device)
        engine = LocalEngine(opened, max_batch, self._settings.max_wait_ms / 1000, lanes, self._inside)
        runs: dict[str, object] = {"device": engine.device, "precision": engine.precision, "reason": opened.reason}
        measured = {size: round(1000 * each, 3) for size, each in seconds.items()}
        runs |= {"max_batch": max_batch, "lanes": lanes, "ms_an_image": measured}
        log.info("version opened", extra={"model": name, "version": version, **runs})
        return engine

    def _open(self, name: str, version: int) -> tuple[Opened, int, dict[int, float]]:
        settings = self._settings
        threads, alone = threads_of(settings)
        opened = open_version(self._store, name, version, settings.device, threads, settings.precision, alone)
        if settings.max_batch:
            return opened, settings.max_batch, {}
        return opened, *best_batch(opened.session, opened.manifest.input)
