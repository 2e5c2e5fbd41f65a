"""The fleet: all live engines of the process, opened when first asked for."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Literal

from models.errors import WhatsitError
from models.opening import open_version
from models.refs import Ref, parse_ref
from models.store import Resolved, Store
from service.errors import NotReady
from service.inference.engine import Engine
from service.settings import Settings

log = logging.getLogger(__name__)

State = Literal["available", "loading", "ready", "failed"]
_Key = tuple[str, int]
# An alias that moves is seen within this time; reading the store for every request costs 0.1 ms.
_RESOLVED_FOR_S = 1.0
# A version that failed its proof is not proved again at every request.
_FAILED_FOR_S = 30.0


@dataclass(frozen=True, slots=True)
class Lease:
    """An engine to use for one request, and what its ref was resolved to."""

    engine: Engine
    resolved: Resolved


class Fleet:
    """Opens the versions of ``store`` and hands out their engines."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self._settings = settings
        self._default: Ref | None = None
        self._opening: dict[_Key, asyncio.Task[Engine]] = {}
        self._failed: dict[_Key, tuple[float, WhatsitError]] = {}
        self._resolved: dict[Ref, tuple[float, Resolved]] = {}

    @property
    def default(self) -> Ref:
        """The ref of the default model; raises NotReady when the store does not show which."""
        if self._default is None:
            self._default = self._find_default()
        return self._default

    async def lease(self, ref: Ref) -> Lease:
        """Return the engine of ``ref``, opening it when need be.

        Raises NotFound, or the BundleError or DeviceUnavailable that stopped the version from being opened.
        """
        resolved = self._resolve(ref)
        return Lease(await self._engine((resolved.name, resolved.version)), resolved)

    async def ready(self) -> bool:
        """Whether the default model has answered its golden images and still would."""
        try:
            lease = await self.lease(self.default)
        except WhatsitError:
            return False
        return await lease.engine.healthy()

    def state(self, name: str, version: int) -> tuple[State, str | None]:
        """What this process makes of a version, and why it refused it."""
        key = (name, version)
        if key in self._failed:
            return "failed", str(self._failed[key][1])
        task = self._opening.get(key)
        if task is None:
            return "available", None
        return ("ready" if task.done() else "loading"), None

    async def close(self) -> None:
        """Close every engine after what it accepted."""
        for task in list(self._opening.values()):
            await (await task).close()
        self._opening.clear()

    def _resolve(self, ref: Ref) -> Resolved:
        now = time.monotonic()
        expires, resolved = self._resolved.get(ref, (0.0, None))
        if resolved is None or expires < now:
            resolved = self.store.resolve(ref)
            self._resolved[ref] = (now + _RESOLVED_FOR_S, resolved)
        return resolved

    async def _engine(self, key: _Key) -> Engine:
        failed_at, error = self._failed.get(key, (0.0, None))
        if error is not None and time.monotonic() - failed_at < _FAILED_FOR_S:
            raise error
        task = self._opening.get(key)
        if task is None:
            task = self._opening[key] = asyncio.create_task(self._open(key))
        # Shielded: a request that is given up must not stop the opening that others wait for.
        return await asyncio.shield(task)

    async def _open(self, key: _Key) -> Engine:
        name, version = key
        settings = self._settings
        try:
            opened = await asyncio.to_thread(open_version, self.store, name, version, settings.device, settings.threads)
        except WhatsitError as error:
            log.error("version refused", extra={"model": name, "version": version, "reason": str(error)})
            self._failed[key] = (time.monotonic(), error)
            del self._opening[key]
            raise
        self._failed.pop(key, None)
        log.info("version opened", extra={"model": name, "version": version, "device": opened.session.device})
        return Engine(opened, settings.max_batch, settings.max_wait_ms / 1000)

    def _find_default(self) -> Ref:
        if self._settings.default_model is not None:
            return parse_ref(self._settings.default_model)
        names = self.store.names()
        if "cifar10" in names:
            return Ref("cifar10")
        if len(names) != 1:
            found = ", ".join(names) or "none"
            raise NotReady(f"set default_model: the store {self.store.root} holds not one model but: {found}")
        return Ref(names[0])
