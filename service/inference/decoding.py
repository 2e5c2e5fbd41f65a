"""Decoding in threads, before the queue, within a budget of memory that all threads share."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from models.decode import OpenImage
from models.manifest import InputSpec
from models.preprocess import Pixels, preprocess
from service.settings import Settings
from service.uploads.upload import Upload

# On one core a PNG of 32 x 32 pixels takes 45 us, a JPEG of 128 x 128 takes 150; to ask a thread takes 40.
_SMALL_BYTES, _SMALL_PIXELS = 16_384, 128 * 128


class ImageInfo(NamedTuple):
    """What the file said; ``width`` and ``height`` before EXIF orientation."""

    format: str
    width: int
    height: int


class Decoders:
    """The threads that decode. A file of 34 bytes may cost 800 MB: what is decoded at once is bounded as a whole."""

    def __init__(self, settings: Settings) -> None:
        self._limits = settings.limits
        self._memory = _Memory(settings.max_decoding_bytes)
        self._running: dict[int, float] = {}  # by thread, since when
        self._threads = ThreadPoolExecutor(settings.decode_threads or os.cpu_count(), thread_name_prefix="decode")

    def decode_small(self, upload: Upload, spec: InputSpec) -> tuple[ImageInfo, Pixels] | None:
        """As ``decode``, here and now, if it is so small that a thread takes longer to be asked than to do it."""
        if len(upload.data) <= _SMALL_BYTES:
            image = OpenImage(upload.read(), self._limits)
            if image.width * image.height <= _SMALL_PIXELS:
                return _info(image), preprocess(image, spec)
        return None

    async def decode(self, upload: Upload, spec: InputSpec) -> tuple[ImageInfo, Pixels]:
        """Return what the file says and its pixels, uint8 ``[height, width, channels]``; raises an ImageError."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.decode_here, upload, spec)

    def decode_here(self, upload: Upload, spec: InputSpec) -> tuple[ImageInfo, Pixels]:
        """The same in the thread that calls, which is no thread of theirs: nobody who waits is held up."""
        image, thread = OpenImage(upload.read(), self._limits), threading.get_ident()
        with self._memory.held(image.memory):
            self._running[thread] = time.monotonic()
            try:
                return _info(image), preprocess(image, spec)
            finally:
                del self._running[thread]

    def longest(self) -> float:
        """Seconds since the oldest decode that a thread is at now began; 0 when none is."""
        running = list(self._running.values())
        return time.monotonic() - min(running) if running else 0.0

    def close(self) -> None:
        """Free the threads."""
        self._threads.shutdown(cancel_futures=True)


def _info(image: OpenImage) -> ImageInfo:
    return ImageInfo(image.format, image.width, image.height)


class _Memory:
    """Bytes that threads hold; one that finds nobody holding any gets what it asks, however much."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._freed = threading.Condition()

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Wait until ``size`` bytes fit, and hold them."""
        with self._freed:
            self._freed.wait_for(lambda: not self._held or self._held + size <= self._limit)
            self._held += size
        try:
            yield
        finally:
            with self._freed:
                self._held -= size
                self._freed.notify_all()
