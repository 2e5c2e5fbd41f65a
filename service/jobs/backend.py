"""What a process has open for jobs: nothing until there is one, then the database."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from service.jobs.folder import JobFolder, room_needed
from service.settings import Settings

if TYPE_CHECKING:
    from service.jobs.ledger import Ledger
    from service.jobs.queue import Queue

Result = TypeVar("Result")

_ASKING = 4


class _Open(NamedTuple):
    ledger: "Ledger"
    queue: "Queue"
    close: Callable[[], None]


class Backend:
    """Opens the ledger and the queue when they are first needed, and asks them in threads.

    SQLAlchemy takes a tenth of a second to be imported, and 25 MB: who has no jobs does without.
    """

    def __init__(self, settings: Settings) -> None:
        self.root = settings.jobs_dir.absolute()
        self.holder = secrets.token_hex(8)
        self.lease = settings.jobs_lease_s
        self.receiving: set[str] = set()  # jobs whose bodies arrive here
        self._url = None if settings.database_url is None else settings.database_url.get_secret_value()
        self._store = str(settings.store)
        self._opened: _Open | None = None
        self._opening = asyncio.Lock()
        # What this process does in the queue is done in one order: its transactions never wait for each other.
        self._in_order = ThreadPoolExecutor(1, thread_name_prefix="jobs-queue")
        self._at_once = ThreadPoolExecutor(_ASKING, thread_name_prefix="jobs-ledger")

    @property
    def exists(self) -> bool:
        """Whether there may be jobs: some process of this service, or one before it, has had one."""
        return self._opened is not None or self._url is not None or (self.root / "jobs.db").exists()

    def folder(self, job_id: str) -> JobFolder:
        """The folder of a job."""
        return JobFolder(self.root, job_id)

    async def ask(self, question: "Callable[[Ledger], Result]") -> Result:
        """What the ledger answers; raises JobsUnavailable, DiskFull, or what it raises."""
        opened = await self._open()
        return await _in(self._at_once, lambda: question(opened.ledger))

    async def order(self, work: "Callable[[Queue], Result]") -> Result:
        """What the queue answers, after all that it was asked before; raises the same."""
        opened = await self._open()
        return await _in(self._in_order, lambda: work(opened.queue))

    def close(self) -> None:
        """Close the database, after what it was asked."""
        self._in_order.shutdown()
        self._at_once.shutdown()
        if self._opened is not None:
            self._opened.close()

    async def _open(self) -> _Open:
        async with self._opening:
            if self._opened is None:
                self._opened = await _in(self._at_once, self._open_now)
            return self._opened

    def _open_now(self) -> _Open:
        # Late, for the reason above.
        from service.jobs.database import Database, database_url  # noqa: PLC0415
        from service.jobs.ledger import Ledger  # noqa: PLC0415
        from service.jobs.queue import Queue  # noqa: PLC0415

        url = database_url(self._url, self.root)
        with room_needed():
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = Database(url)
        queue = Queue(database, self._store, self.holder, self.lease)
        return _Open(Ledger(database, self._store), queue, database.close)


async def _in(threads: Executor, work: Callable[[], Result]) -> Result:
    """Its result; it is waited for even when the waiting is given up, so that nobody goes on before it is done."""
    future = asyncio.get_running_loop().run_in_executor(threads, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        with suppress(Exception):  # whoever asked is gone
            await future
        raise
