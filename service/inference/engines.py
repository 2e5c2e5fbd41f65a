"""The engines of a process: opened when first asked for, replaced when they hang, closed when nobody needs them."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Literal, NamedTuple

from models.errors import BundleError, DeviceUnavailable, NotFound, StoreUnavailable, WhatsitError
from service.errors import NotReady, Unloaded
from service.inference.engine import Engine
from service.inference.opening import Opener

log = logging.getLogger(__name__)

State = Literal["available", "loading", "ready", "failed", "unloaded"]
# A version that failed its proof is not proved again at every request.
_FAILED_FOR_S = 30.0
_OPENED_AT_ONCE = 2  # strangers may ask for all versions by their numbers


class Key(NamedTuple):
    """One version of one model."""

    model: str
    version: int


class Berth:
    """The place of one version: what opens its engine, or has, and who uses it; all in the thread of the loop."""

    __slots__ = ("engine", "key", "leaving", "task", "used", "users")

    def __init__(self, key: Key, task: "asyncio.Task[Engine]", now: float) -> None:
        self.key = key
        self.task = task
        self.engine: Engine | None = None  # once it is open
        self.users = 0
        self.used = now  # when it was last asked for
        self.leaving = False  # closed as soon as nobody uses it


class Engines:
    """Has versions opened by ``opener``, once each; a run that takes longer than ``run_timeout`` seconds hangs."""

    def __init__(self, opener: Opener, run_timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._opener = opener
        self._run_timeout = run_timeout
        self._clock = clock
        self._berths: dict[Key, Berth] = {}
        self._failed: dict[Key, tuple[float, WhatsitError]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_OPENED_AT_ONCE)

    def berth(self, key: Key) -> Berth:
        """That of a version, whose opening begins when it has none; raises what refused it a moment ago."""
        found = self._berths.get(key)
        if found is None or found.leaving:
            if (error := self.refusal(key)) is not None:
                raise error.with_traceback(None)  # the frames of every request that met it would be kept with it
            found = found or self._begin(key)
        found.used, found.leaving = self._clock(), False
        return found

    def refusal(self, key: Key) -> WhatsitError | None:
        """What refused a version a moment ago, so that it is not tried again yet."""
        failed_at, error = self._failed.get(key, (0.0, None))
        return error if self._clock() - failed_at < _FAILED_FOR_S else None

    def release(self, berth: Berth) -> None:
        """Let go of what was used."""
        berth.users -= 1
        self._close_if_unused(berth)

    def retire(self, key: Key) -> None:
        """Close the engine of a version when the last who uses it is done."""
        if (berth := self._berths.get(key)) is not None:
            berth.leaving = True
            self._close_if_unused(berth)

    def withhold(self, key: Key, why: WhatsitError) -> None:
        """Have ``berth`` raise ``why`` until the version is allowed again, and close its engine after its last user."""
        self._failed[key] = (math.inf, why)
        self.retire(key)

    def allow(self, key: Key) -> None:
        """Let a version be opened though it was withheld, or refused a moment ago."""
        self._failed.pop(key, None)

    def open(self) -> list[Berth]:
        """The places of open versions, first the one that was not asked for the longest; from any thread."""
        return sorted((berth for berth in list(self._berths.values()) if berth.engine), key=lambda berth: berth.used)

    def engine(self, key: Key) -> Engine | None:
        """The engine of a version, if it is open now."""
        berth = self._berths.get(key)
        return None if berth is None else berth.engine

    def state(self, key: Key) -> tuple[State, str | None]:
        """What this process makes of a version, and why it refused it."""
        if key in self._failed:
            error = self._failed[key][1]
            return ("unloaded", None) if isinstance(error, Unloaded) else ("failed", _reason(error))
        berth = self._berths.get(key)
        if berth is None:
            return "available", None
        return ("ready" if berth.task.done() else "loading"), None

    def forget_failures(self, but: Collection[Key]) -> None:
        """Forget why versions were refused that are not among ``but``: they are gone."""
        for key in self._failed.keys() - set(but):
            del self._failed[key]

    def replace_hanging(self) -> None:
        """Have those opened anew of which a run does not come back."""
        for berth in list(self._berths.values()):
            if berth.engine is not None and berth.engine.lost(self._run_timeout):
                self._replace(berth, berth.engine)

    async def close(self) -> None:
        """Close every engine after what it accepted, unless it hangs."""
        berths = list(self._berths.values())
        self._berths.clear()
        opening = [berth.task for berth in berths]
        if opening:  # one that hangs is given up; its thread ends with the process
            await asyncio.wait(opening, timeout=self._run_timeout)
        done = (task for task in opening if task.done() and not task.cancelled() and task.exception() is None)
        closing = [self._end(task.result()) for task in done]
        await asyncio.gather(*closing, *self._closing, return_exceptions=True)

    async def _end(self, engine: Engine) -> None:
        """Close an engine after what it accepted, unless it hangs."""
        try:
            async with asyncio.timeout(self._run_timeout):
                await engine.close()
        except TimeoutError:
            engine.abandon()
            engine.hand_over(None)

    def _close_if_unused(self, berth: Berth) -> None:
        if not berth.leaving or berth.users or self._berths.get(berth.key) is not berth:
            return
        del self._berths[berth.key]
        task = asyncio.create_task(self._close(berth))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, berth: Berth) -> None:
        try:
            engine = await berth.task
        except WhatsitError:  # it was never opened, which was told then
            return
        await self._end(engine)
        log.info("version closed", extra={"model": berth.key.model, "version": berth.key.version})

    def _replace(self, berth: Berth, engine: Engine) -> None:
        """Open the version anew at once; what hangs is failed, what else the old engine has waits for the new one."""
        facts = {"model": berth.key.model, "version": berth.key.version, "reason": "a run does not come back"}
        log.error("engine replaced", extra=facts)
        engine.abandon(self._run_timeout)
        berth.engine, berth.task = None, self._open_soon(berth.key)
        berth.task.add_done_callback(partial(self._hand_over, engine, berth))

    def _hand_over(self, engine: Engine, berth: Berth, _: object) -> None:
        engine.hand_over(berth.engine)

    def _begin(self, key: Key) -> Berth:
        self._failed.pop(key, None)
        berth = self._berths[key] = Berth(key, self._open_soon(key), self._clock())
        return berth

    def _open_soon(self, key: Key) -> "asyncio.Task[Engine]":
        task = asyncio.create_task(self._open(key))
        task.add_done_callback(partial(self._settled, key))
        return task

    def _settled(self, key: Key, task: "asyncio.Task[Engine]") -> None:
        """Forget an opening that failed, so that it can be tried again; it was logged, and perhaps nobody waits."""
        failed = task.cancelled() or task.exception() is not None
        berth = self._berths.get(key)
        if berth is None or berth.task is not task:
            return
        if failed:
            del self._berths[key]
        else:
            berth.engine = task.result()

    async def _open(self, key: Key) -> Engine:
        try:
            async with self._slots:
                engine = await self._opener(*key)
        except (NotFound, NotReady, StoreUnavailable):  # removed since it was found; or it may be opened in a moment
            raise
        except (BundleError, DeviceUnavailable) as error:
            self._refuse(key, error)
            raise
        except Exception as error:  # nobody foresaw it, but it is the version's fault and not the client's
            log.exception("unexpected error")
            refusal = BundleError("it cannot be opened; the service's log says why")
            self._refuse(key, refusal)
            raise refusal from error
        return engine

    def _refuse(self, key: Key, error: WhatsitError) -> None:
        log.error("version refused", extra={"model": key.model, "version": key.version, "reason": str(error)})
        self._failed[key] = (self._clock(), error)


def _reason(error: WhatsitError) -> str:
    """What is told of a refusal: what is wrong with a bundle, but not what errors say of the machine."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, BundleError) else name
