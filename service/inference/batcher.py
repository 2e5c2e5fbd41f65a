"""Opportunistic batching: whatever waits is run the moment the device is free. Knows neither HTTP nor ONNX."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.errors import DeadlinePassed, InferenceFailed

Item = TypeVar("Item")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Delivered(Generic[Row]):
    """The row of one item, the seconds that it waited and those that its batch ran, and that batch's size."""

    row: Row
    queue_s: float
    run_s: float
    batch: int


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Item, Row]):
    item: Item
    deadline: float
    entered: float
    future: "asyncio.Future[Delivered[Row]]"


class Batcher(Generic[Item, Row]):
    """Gathers items into batches of at most ``max_batch`` and gives each its own row of what ``run`` returns.

    ``run`` is awaited for one batch at a time. ``max_wait`` seconds, 0 by default, are spent waiting for a batch to
    fill. Deadlines are times of ``time.monotonic``. Start it inside a running loop; ``close`` runs what was accepted.
    """

    def __init__(
        self, run: Callable[[list[Item]], Awaitable[Sequence[Row]]], max_batch: int, max_wait: float = 0.0
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._waiting: deque[_Entry[Item, Row]] = deque()
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = False
        self._worker = asyncio.create_task(self._work())

    @property
    def alive(self) -> bool:
        """Whether there is still somebody to run batches."""
        return not self._worker.done()

    async def submit(self, item: Item, deadline: float) -> Delivered[Row]:
        """Return the row of ``item``; raises DeadlinePassed, or InferenceFailed when ``run`` fails on it alone."""
        if self._closing or not self.alive:
            raise InferenceFailed("the engine is closed")
        entry: _Entry[Item, Row] = _Entry(item, deadline, time.monotonic(), asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._arrived.set()
        if len(self._waiting) >= self._max_batch:
            self._full.set()
        return await entry.future

    async def close(self) -> None:
        """Run what waits, then stop."""
        self._closing = True
        self._arrived.set()
        self._full.set()  # there is nothing more to wait for
        await self._worker

    async def _work(self) -> None:
        try:
            while not (self._closing and not self._waiting):
                await self._arrived.wait()
                if self._max_wait and not self._closing:
                    await self._let_it_fill()
                entries = self._collect()
                if entries:
                    await self._run_batch(entries)
                if not self._waiting and not self._closing:
                    self._arrived.clear()
        finally:
            self._abandon(self._waiting)  # empty, unless the worker was killed

    async def _let_it_fill(self) -> None:
        self._full.clear()
        if len(self._waiting) < self._max_batch:
            try:
                await asyncio.wait_for(self._full.wait(), self._max_wait)
            except TimeoutError:
                return

    def _collect(self) -> list[_Entry[Item, Row]]:
        """Take the next batch, leaving out those that nobody waits for and those that are too late."""
        entries: list[_Entry[Item, Row]] = []
        now = time.monotonic()
        while self._waiting and len(entries) < self._max_batch:
            entry = self._waiting.popleft()
            if entry.future.done():  # cancelled: its caller left
                continue
            if entry.deadline < now:
                entry.future.set_exception(DeadlinePassed("the image waited longer than its request may take"))
                continue
            entries.append(entry)
        return entries

    async def _run_batch(self, entries: list[_Entry[Item, Row]]) -> None:
        started = time.monotonic()
        try:
            rows = await self._run([entry.item for entry in entries])
            if len(rows) != len(entries):  # a short answer must never become a shifted one
                raise InferenceFailed(f"{len(entries)} images gave {len(rows)} rows")
        except asyncio.CancelledError:
            self._abandon(entries)
            raise
        except Exception as error:  # noqa: BLE001 - whatever the device raises is answered, and the worker lives on
            await self._bisect(entries, error)
            return
        finished = time.monotonic()
        for entry, row in zip(entries, rows, strict=True):
            if not entry.future.done():
                entry.future.set_result(Delivered(row, started - entry.entered, finished - started, len(entries)))

    async def _bisect(self, entries: list[_Entry[Item, Row]], error: Exception) -> None:
        """Run the halves of a failed batch, so that only the guilty fail."""
        if len(entries) == 1:
            if not entries[0].future.done():
                failure = InferenceFailed("the model failed on this image")
                failure.__cause__ = error
                entries[0].future.set_exception(failure)
            return
        middle = len(entries) // 2
        for half in (entries[:middle], entries[middle:]):
            if alive := [entry for entry in half if not entry.future.done()]:
                await self._run_batch(alive)

    def _abandon(self, entries: Iterable[_Entry[Item, Row]]) -> None:
        """Let nobody wait for a worker that is gone."""
        for entry in entries:
            if not entry.future.done():
                entry.future.set_exception(InferenceFailed("the engine stopped"))
