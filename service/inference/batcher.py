"""Opportunistic batching: whatever waits is run the moment that can be. Knows neither HTTP nor ONNX."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic

from service.errors import DeadlinePassed, InferenceFailed
from service.inference.entries import Delivered, Entry, Item, Row, deliver, fail


class Batcher(Generic[Item, Row]):
    """Gathers items into batches of at most ``max_batch`` and gives each its own row of what ``run`` returns.

    ``run`` is called in ``lanes`` threads, each of which takes its next batch by itself, so that no device waits for
    the event loop. A row that is an exception fails its item alone. ``max_wait`` seconds, 0 by default, are spent
    waiting for a batch to fill. Deadlines are times of ``time.monotonic``. Make it inside a running loop.

    With no ``lanes`` it is called in the thread of the loop itself, which is right for runs that are over sooner than a
    thread is woken: on one core, 16 requests at a time, a request that took 314 us took 256.

    Lanes are woken when the loop has done all that it had to do: woken by each item they would run one at a time, and
    fight with the loop for the interpreter.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Sequence[Row | Exception]],
        max_batch: int,
        max_wait: float = 0.0,
        lanes: int = 1,
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._loop = asyncio.get_running_loop()
        self._urgent: deque[Entry[Item, Row]] = deque()
        self._patient: deque[Entry[Item, Row]] = deque()
        self._wakes: list[SimpleQueue[None]] = [SimpleQueue() for _ in range(lanes)]
        self._sleeping: list[int] = []  # lanes
        self._waking = False
        self._running: dict[int, tuple[float, list[Entry[Item, Row]]]] = {}  # by lane, and since when
        self._closing = self._abandoned = False
        self._successor: Batcher[Item, Row] | None = None
        self._ended = asyncio.Event()
        self._lanes = self._alive = lanes
        for lane in range(lanes):
            # A daemon: a run that hangs must not keep the process from its end.
            threading.Thread(target=self._work, args=(lane,), name=f"lane-{lane}", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether there is still somebody to run batches."""
        return not self._ended.is_set()

    @property
    def waiting(self) -> int:
        """How many items are in no batch yet."""
        return len(self._urgent) + len(self._patient)

    def longest_run(self) -> float:
        """Seconds since the oldest batch that is running now began; 0 when none is."""
        running = list(self._running.values())
        return time.monotonic() - min(began for began, _ in running) if running else 0.0

    def submit(self, item: Item, deadline: float, *, urgent: bool = True) -> "asyncio.Future[Delivered[Row]]":
        """The row of ``item`` to come; DeadlinePassed, or InferenceFailed when ``run`` fails on it alone.

        An item that is not ``urgent`` is taken when no urgent one waits.
        """
        if self._successor is not None:
            return self._successor.submit(item, deadline, urgent=urgent)
        if self._closing:
            raise InferenceFailed("the engine is closed")
        entry: Entry[Item, Row] = Entry(item, deadline, time.monotonic(), self._loop.create_future())
        (self._urgent if urgent else self._patient).append(entry)
        self._wake_soon()
        return entry.future

    async def close(self) -> None:
        """Run what waits, then stop."""
        if not self._closing:
            self._closing = True
            self._wake()
        await self._ended.wait()

    def abandon(self, most: float = 0.0) -> None:
        """Stop at once, and forget the threads, of which one may hang for ever.

        What has run for longer than ``most`` seconds is failed; all else waits for ``hand_over``, as does what is
        submitted meanwhile.
        """
        self._abandoned = True
        self._wake_lanes()
        for began, entries in list(self._running.values()):
            if time.monotonic() - began > most:
                fail(entries)
            else:
                self._urgent.extendleft(reversed(entries))
        self._ended.set()

    def hand_over(self, successor: "Batcher[Item, Row] | None") -> None:
        """Give what waits to the one that takes this one's place; fail it where there is none."""
        self._closing, self._successor = True, successor
        if successor is None:
            fail([*self._urgent, *self._patient])
            return
        successor._urgent.extend(self._urgent)  # noqa: SLF001 - it is of this class
        successor._patient.extend(self._patient)  # noqa: SLF001
        successor._wake_soon()  # noqa: SLF001
        self._urgent.clear()
        self._patient.clear()

    def _take_back(self, entries: list[Entry[Item, Row]]) -> None:
        self._urgent.extendleft(reversed(entries))
        if self._closing:
            self.hand_over(self._successor)

    def _wake_soon(self) -> None:
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        self._waking = False
        if self._abandoned:
            return
        if self._lanes:
            self._wake_lanes()
        else:
            self._work_here()

    def _wake_lanes(self) -> None:
        """Wake no more lanes than there is work for; one that is busy looks for itself when it is done.

        The one that fell asleep last comes first. Were images that come alone run by one lane after the other, their
        threads would meet those of onnxruntime on the same cores: where the median was 3.5 ms, the 99th percentile was
        9.2 to 9.8 in four trials so, and 3.8 to 5.7 in ten of eleven since.
        """
        ending = self._closing or self._abandoned
        for _ in range(self._lanes if ending else min(self._lanes, self.waiting)):
            with suppress(IndexError):
                self._wakes[self._sleeping.pop()].put(None)

    def _sleep(self, lane: int, timeout: float | None = None) -> bool:
        """Have a lane sleep until it is woken, or nothing came within the timeout: then False."""
        self._sleeping.append(lane)
        if timeout is None and (self.waiting or self._closing or self._abandoned):
            return self._rise(lane)  # it came before this lane could be woken
        try:
            self._wakes[lane].get(timeout=timeout)
        except Empty:
            return self._rise(lane) and False
        return True

    def _rise(self, lane: int) -> bool:
        """Have a lane wake by itself, unless it is being woken."""
        try:
            self._sleeping.remove(lane)
        except ValueError:
            self._wakes[lane].get()
        return True

    def _work_here(self) -> None:
        """Run what has come since the last time: were it one batch, new requests would be read faster than answered."""
        while entries := self._collect():
            self._run_batch(entries)
        if self._closing:
            self._stop()

    def _work(self, lane: int) -> None:
        try:
            while self._goes_on():
                if self._max_wait:
                    self._let_it_fill(lane)
                if entries := self._collect():
                    self._running[lane] = (time.monotonic(), entries)
                    if self._abandoned:  # which may have been too early to see these
                        self._tell(self._take_back, entries)
                        return
                    self._run_batch(entries)
                    del self._running[lane]
                elif not self._closing:
                    self._sleep(lane)
        finally:
            self._tell(self._lane_ended, lane)

    def _goes_on(self) -> bool:
        return not self._abandoned and (self.waiting > 0 or not self._closing)

    def _let_it_fill(self, lane: int) -> None:
        until = time.monotonic() + self._max_wait
        while 0 < self.waiting < self._max_batch and not self._closing and not self._abandoned:
            if not self._sleep(lane, max(0.0, until - time.monotonic())):
                return

    def _collect(self) -> list[Entry[Item, Row]]:
        """Take the next batch, leaving out those that nobody waits for and those that are too late.

        It is this lane's share of what waits: two lanes that are free take half of it each.
        """
        entries: list[Entry[Item, Row]] = []
        late: list[Entry[Item, Row]] = []
        now, free = time.monotonic(), self._lanes - len(self._running)
        most = min(self._max_batch, -(-self.waiting // max(1, free)))
        while len(entries) < most and (entry := self._next()) is not None:
            if entry.deadline < now:
                late.append(entry)
            elif not entry.future.done():  # else cancelled: its caller left
                entries.append(entry)
        if late:
            self._tell(fail, late, DeadlinePassed, "the image waited longer than its request may take")
        return entries

    def _next(self) -> Entry[Item, Row] | None:
        for waiting in (self._urgent, self._patient):
            try:
                return waiting.popleft()
            except IndexError:  # another lane may have been quicker
                continue
        return None

    def _run_batch(self, entries: list[Entry[Item, Row]]) -> None:
        """Run the entries and deliver their rows; of a batch that fails the halves, so that only the guilty fail."""
        began = time.monotonic()
        try:
            rows = list(self._run([entry.item for entry in entries]))
            if len(rows) != len(entries):  # a short answer must never become a shifted one
                raise InferenceFailed(f"{len(entries)} images gave {len(rows)} rows")
        except Exception as error:  # noqa: BLE001 - whatever the device raises is answered, and the lane lives on
            if self._abandoned:  # it was stopped, and others answer for what it had
                return
            if len(entries) > 1:
                middle = len(entries) // 2
                for half in (entries[:middle], entries[middle:]):
                    if wanted := [entry for entry in half if not entry.future.done()]:
                        self._run_batch(wanted)
                return
            failure = InferenceFailed("the model failed on this image")
            failure.__cause__ = error
            rows = [failure]
        self._tell(deliver, entries, rows, began, time.monotonic() - began)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        """Have the loop call back: futures are its own."""
        if not self._lanes:  # this is its thread
            callback(*arguments)
            return
        with suppress(RuntimeError):  # it is closed, and nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _lane_ended(self, lane: int) -> None:
        entries = self._running.pop(lane, (0, ()))[1]  # none, unless the lane was killed
        if self._abandoned:
            return
        fail(entries)
        self._alive -= 1
        if not self._alive:
            self._stop()

    def _stop(self) -> None:
        self._closing = True
        fail([*self._urgent, *self._patient])
        self._ended.set()
