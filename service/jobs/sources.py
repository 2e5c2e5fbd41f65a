"""Where the bytes of images are, and how they are had without holding up anybody."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from service.jobs.inputs import InputStore
from service.jobs.spool import Entry, SpoolReader
from service.uploads.upload import Upload


class Source(Protocol):
    """Where the bytes of images are."""

    async def fetch(self, entries: Sequence[Entry]) -> list[Upload]:
        """Those of some entries; raises JobsUnavailable."""


class Spooled:
    """Images in the spool of their job, read by ``threads``."""

    def __init__(self, reader: SpoolReader, threads: ThreadPoolExecutor) -> None:
        self._reader = reader
        self._threads = threads

    async def fetch(self, entries: Sequence[Entry]) -> list[Upload]:
        """Those of some entries."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, entries)

    def _read(self, entries: Sequence[Entry]) -> list[Upload]:
        return [Upload(entry.name, self._reader.read(entry)) for entry in entries]


class Stored:
    """Images at keys of the input store."""

    def __init__(self, store: InputStore) -> None:
        self._store = store

    async def fetch(self, entries: Sequence[Entry]) -> list[Upload]:
        """Those of some entries, at the same time; raises JobsUnavailable."""
        loop = asyncio.get_running_loop()
        keys = [entry.name or "" for entry in entries]
        return await asyncio.gather(*(loop.run_in_executor(self._store.threads, self._store.read, key) for key in keys))
