"""Swaps: what answers a ref is exchanged for what its alias names now, once that is open."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from models.errors import WhatsitError
from models.refs import Ref
from models.targets import Found
from service.inference.catalogue import Catalogue
from service.inference.engines import Engines, Key

log = logging.getLogger(__name__)


class Swap(NamedTuple):
    """An alias was to be answered by another version: ``done``, ``refused``, or ``returned`` from a canary."""

    model: str
    alias: str
    outcome: str


class Swaps:
    """Moves refs of ``catalogue`` to what they should be answered by, each in a task of its own.

    ``open_version`` opens a version and returns when it is proved. Set ``told`` to be told of each.
    """

    def __init__(
        self, catalogue: Catalogue, engines: Engines, open_version: Callable[[str, int, Found], Awaitable[None]]
    ) -> None:
        self.told: Callable[[Swap], None] = lambda _: None
        self._catalogue = catalogue
        self._engines = engines
        self._open = open_version
        self._tasks: dict[Ref, tuple[Found, asyncio.Task[None]]] = {}

    def begin(self) -> None:
        """Begin to move what has moved in the store, and give up what has moved on."""
        moved = {ref: (found, wanted) for ref, found, wanted in self._catalogue.moved()}
        for ref, (under_way, task) in list(self._tasks.items()):
            if ref not in moved or moved[ref][1] != under_way:
                task.cancel()
                del self._tasks[ref]
        for ref, (found, wanted) in moved.items():
            if ref not in self._tasks and not self._was_refused(ref.name, wanted):
                task = asyncio.create_task(self._move(ref, found, wanted))
                self._tasks[ref] = (wanted, task)
                task.add_done_callback(partial(self._done, ref))

    def cancel(self) -> None:
        """Give up what is under way."""
        for _, task in self._tasks.values():
            task.cancel()

    def tell(self, model: str, alias: str | None, outcome: str, **facts: str) -> None:
        """Log and count a swap."""
        level = logging.ERROR if outcome == "refused" else logging.INFO
        log.log(level, "swap %s", outcome, extra={"model": model, "alias": alias or "", **facts})
        self.told(Swap(model, alias or "", outcome))

    async def _move(self, ref: Ref, found: Found, wanted: Found) -> None:
        """Answer ``ref`` by ``wanted`` once that is open; at once where nothing of what it had is open here."""
        facts = {"before": str(found.target), "after": str(wanted.target)}
        if any(self._engines.engine(Key(ref.name, version)) for version in found.target.versions):
            try:
                for version in wanted.target.versions:
                    await self._open(ref.name, version, wanted)
            except WhatsitError as error:
                self.tell(ref.name, wanted.alias, "refused", **facts, reason=f"{type(error).__name__}: {error}")
                return
        self._catalogue.serve(ref, wanted)
        self.tell(ref.name, wanted.alias, "done", **facts)

    def _was_refused(self, name: str, wanted: Found) -> bool:
        """Whether it was refused a moment ago, which was told then."""
        return any(self._engines.refusal(Key(name, version)) for version in wanted.target.versions)

    def _done(self, ref: Ref, task: "asyncio.Task[None]") -> None:
        if self._tasks.get(ref, (None, None))[1] is task:
            del self._tasks[ref]
        if not task.cancelled() and task.exception() is not None:
            log.error("unexpected error", exc_info=task.exception())
