"""The fleet: all live engines of the process, opened when first asked for."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from models.errors import BundleError, DeviceUnavailable, NotFound, WhatsitError
from models.refs import Ref, parse_ref
from models.store import Resolved, Store
from service.errors import NotReady
from service.inference.engine import Engine
from service.inference.opening import Opener
from service.settings import Settings

log = logging.getLogger(__name__)

State = Literal["available", "loading", "ready", "failed"]
_Key = tuple[str, int]
# An alias that moves is seen within this time; reading the store for every request costs 0.1 ms.
_RESOLVED_FOR_S = 1.0
# A version that failed its proof is not proved again at every request.
_FAILED_FOR_S = 30.0
_WATCHED_EVERY_S = 0.5


class Lease(NamedTuple):
    """An engine to use for one request, and what its ref was resolved to."""

    engine: Engine
    resolved: Resolved


class Fleet:
    """Has the versions of ``store`` opened by ``opener``, and hands out their engines."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        opener: Opener,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._opener = opener
        self._settings = settings
        self._clock = clock
        self._default: Ref | None = None
        self._opening: dict[_Key, asyncio.Task[Engine]] = {}
        self._failed: dict[_Key, tuple[float, WhatsitError]] = {}
        self._resolved: dict[Ref, tuple[float, Resolved]] = {}

    @property
    def default(self) -> Ref:
        """The ref of the default model; raises NotReady when the store does not show which."""
        if self._default is None:
            self._default = default_ref(self.store, self._settings.default_model)
        return self._default

    def resolve(self, ref: Ref) -> Resolved:
        """Find the version of ``ref``, as it was within the last second; raises NotFound."""
        now = self._clock()
        expires, resolved = self._resolved.get(ref, (0.0, None))
        if resolved is None or expires < now:
            resolved = self.store.resolve(ref)
            self._resolved[ref] = (now + _RESOLVED_FOR_S, resolved)
        return resolved

    async def lease(self, ref: Ref) -> Lease:
        """Return the engine of ``ref``, opening it when need be.

        Raises NotFound, or the BundleError or DeviceUnavailable that stopped the version from being opened.
        """
        resolved = self.resolve(ref)
        task = self._engine(resolved)
        # Shielded: a request that is given up must not stop the opening that others wait for.
        return Lease(task.result() if _opened(task) else await asyncio.shield(task), resolved)

    async def ready(self) -> bool:
        """Whether the default model has answered its golden images and still would; does not wait for its opening."""
        try:
            task = self._engine(self.resolve(self.default))
            return task.done() and await (await task).healthy()
        except WhatsitError:
            return False

    def state(self, name: str, version: int) -> tuple[State, str | None]:
        """What this process makes of a version, and why it refused it."""
        key = (name, version)
        if key in self._failed:
            return "failed", type(self._failed[key][1]).__name__  # its text may speak of the machine
        task = self._opening.get(key)
        if task is None:
            return "available", None
        return ("ready" if task.done() else "loading"), None

    def engines(self) -> list[Engine]:
        """The engines that are open now; asked for from any thread."""
        return [task.result() for task in list(self._opening.values()) if _opened(task)]

    def engine(self, name: str, version: int) -> Engine | None:
        """The engine of a version, if it is open now."""
        task = self._opening.get((name, version))
        return task.result() if task is not None and _opened(task) else None

    async def watch(self) -> None:
        """Replace engines that hang, for as long as the service runs."""
        while True:
            await asyncio.sleep(_WATCHED_EVERY_S)
            for key, task in list(self._opening.items()):
                if _opened(task) and task.result().lost(self._settings.run_timeout_s):
                    self._replace(key, task.result())

    async def close(self) -> None:
        """Close every engine after what it accepted, unless it hangs."""
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        engines = self.engines()
        self._opening.clear()
        try:
            async with asyncio.timeout(self._settings.run_timeout_s):
                await asyncio.gather(*(engine.close() for engine in engines))
        except TimeoutError:
            for engine in engines:
                engine.abandon()
                engine.hand_over(None)

    def _replace(self, key: _Key, engine: Engine) -> None:
        """Let the version be opened anew at once; what hangs is failed, what else the old engine has waits for that."""
        log.error("engine replaced", extra={"model": key[0], "version": key[1], "reason": "a run does not come back"})
        del self._opening[key]
        engine.abandon(self._settings.run_timeout_s)
        self._begin(key).add_done_callback(partial(_hand_over, engine))

    def _engine(self, resolved: Resolved) -> "asyncio.Task[Engine]":
        """The task that opens a version, or has; raises what refused it a moment ago."""
        key = (resolved.name, resolved.version)
        failed_at, error = self._failed.get(key, (0.0, None))
        if error is not None and self._clock() - failed_at < _FAILED_FOR_S:
            raise error.with_traceback(None)  # the frames of every request that met it would be kept with it
        return self._opening.get(key) or self._begin(key)

    def _begin(self, key: _Key) -> "asyncio.Task[Engine]":
        task = self._opening[key] = asyncio.create_task(self._open(key))
        task.add_done_callback(partial(self._settled, key))
        return task

    def _settled(self, key: _Key, task: "asyncio.Task[Engine]") -> None:
        """Forget an opening that failed, so that it can be tried again; it was logged, and perhaps nobody waits."""
        if task.cancelled() or task.exception() is not None:
            self._opening.pop(key, None)

    async def _open(self, key: _Key) -> Engine:
        try:
            engine = await self._opener(*key)
        except (NotFound, NotReady):  # removed since it was resolved; or it may be opened in a moment
            raise
        except (BundleError, DeviceUnavailable) as error:
            self._refuse(key, error)
            raise
        except Exception as error:  # nobody foresaw it, but it is the version's fault and not the client's
            log.exception("unexpected error")
            refusal = BundleError("it cannot be opened; the service's log says why")
            self._refuse(key, refusal)
            raise refusal from error
        self._failed.pop(key, None)
        return engine

    def _refuse(self, key: _Key, error: WhatsitError) -> None:
        log.error("version refused", extra={"model": key[0], "version": key[1], "reason": str(error)})
        self._failed[key] = (self._clock(), error)


def _hand_over(engine: Engine, task: "asyncio.Task[Engine]") -> None:
    engine.hand_over(task.result() if _opened(task) else None)


def _opened(task: "asyncio.Task[Engine]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def default_ref(store: Store, wanted: str | None) -> Ref:
    """The ref of the default model: what is wanted, else cifar10, else the only model; raises NotReady."""
    if wanted is not None:
        return parse_ref(wanted)
    names = store.names()
    if "cifar10" in names:
        return Ref("cifar10")
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise NotReady(f"no default model is set, and the store holds not one model but: {found}")
    return Ref(names[0])
