"""Makes engines: opens a version in this process, and finds out how it runs best."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from models.opening import Opened, open_version
from models.store import Store
from service.inference.engine import Engine, LocalEngine
from service.inference.plan import Plan, plan_for
from service.inference.tuning import measure, warm
from service.settings import Settings

log = logging.getLogger(__name__)


class Opener(Protocol):
    """Opens versions, here or elsewhere."""

    async def __call__(self, name: str, version: int) -> Engine:
        """Return an engine that was proved; raises NotFound, a BundleError or DeviceUnavailable."""

    async def keep_connected(self) -> None:
        """Stay in touch with where versions are opened, for as long as the service runs."""

    async def reachable(self) -> None:
        """Wait until they can be opened there."""


class LocalOpener:
    """Opens versions in this process.

    ``inside`` tells how many images the service works on, for engines that want the machine to themselves.
    """

    def __init__(self, store: Store, settings: Settings, inside: Callable[[], int] = lambda: 0) -> None:
        self._store = store
        self._settings = settings
        self._inside = inside

    async def __call__(self, name: str, version: int) -> Engine:
        """Return an engine that was proved; raises NotFound, a BundleError or DeviceUnavailable."""
        opened, plan = await asyncio.to_thread(self._open, name, version)
        engine = LocalEngine(opened, plan.max_batch, self._settings.max_wait_ms / 1000, plan.lanes, self._inside)
        runs = {"device": engine.device, "precision": engine.precision, "reason": opened.reason, **plan.model_dump()}
        log.info("version opened", extra={"model": name, "version": version, **runs})
        return engine

    async def keep_connected(self) -> None:
        """Nothing: they are opened here."""

    async def reachable(self) -> None:
        """Nothing: they can be."""

    def _open(self, name: str, version: int) -> tuple[Opened, Plan]:
        settings = self._settings
        plan = plan_for(self._store.manifest(name, version), settings)
        opened = open_version(
            self._store, name, version, settings.device, plan.threads, settings.precision, plan.threads_alone
        )
        if not plan.max_batch:
            plan = self._measured(opened, plan)
        if settings.max_wait_ms and not plan.lanes:
            plan = plan.model_copy(update={"lanes": 1})  # for somebody has to wait
        if opened.session.device == "cuda":  # a CPU has no plan for a shape; what memory takes is in the noise
            warm(opened.session, opened.manifest.input, plan.max_batch)
        if plan.threads_alone <= plan.threads:
            opened.session.keep_to_one_way()
        return opened, plan

    def _measured(self, opened: Opened, plan: Plan) -> Plan:
        """The plan with what it leaves open."""
        best = measure(opened.session, opened.manifest.input)
        found = {"max_batch": best.max_batch}
        if not best.shared:
            found["threads_alone"] = plan.threads
        if best.inline and self._settings.lanes <= 1:
            found["lanes"] = 0
        return plan.model_copy(update=found)
