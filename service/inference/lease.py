"""A lease: the engine that answers one request, held until it is answered."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from models.store import Resolved
from service.errors import DeadlinePassed, InferenceFailed, NotReady
from service.inference.canary import Trial
from service.inference.engine import Engine
from service.inference.engines import Berth
from service.inference.pipeline import Timing

_FAULTS = (InferenceFailed, DeadlinePassed, NotReady)


class Role(NamedTuple):
    """As what a version answers while a canary is tried; a request that takes ``patience`` seconds was not answered."""

    trial: Trial
    canary: bool
    patience: float


class Lease:
    """An engine, and what its ref was resolved to; let go of at the end of its ``with``.

    A request that ends by a fault of the engine, or is given up for want of an answer, is noted of the canary.
    """

    __slots__ = ("_began", "_release", "_role", "berth", "engine", "resolved")

    def __init__(
        self, engine: Engine, resolved: Resolved, berth: Berth, release: Callable[[Berth], None], role: Role | None
    ) -> None:
        self.engine = engine
        self.resolved = resolved
        self.berth = berth
        self._release = release
        self._role = role
        self._began = 0.0 if role is None else time.monotonic()

    def answered(self, timing: Timing) -> None:
        """One of its images was answered; what decoding took is the image's doing, and an old answer says nothing."""
        if self._role is not None and timing.inference:
            self._role.trial.note(timing.queue + timing.inference, canary=self._role.canary)

    def failed(self) -> None:
        """One of its images failed by a fault of the engine."""
        if self._role is not None:
            self._role.trial.note(None, canary=self._role.canary)

    def __enter__(self) -> Self:
        """Nothing; it is held already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Let go of it."""
        if self._role is not None and kind is not None and self._is_fault(kind, self._role):
            self.failed()
        self.release()

    @property
    def current(self) -> Engine:
        """The engine of the version as it is now: one that hung may have been replaced since."""
        return self.berth.engine or self.engine

    def release(self) -> None:
        """Let go of it, where it is held for longer than a ``with``."""
        self._release(self.berth)

    def _is_fault(self, kind: type[BaseException], role: Role) -> bool:
        if issubclass(kind, asyncio.CancelledError):  # by its client, or by its deadline
            return time.monotonic() - self._began >= role.patience
        return issubclass(kind, _FAULTS)
