"""The pace of jobs: full speed when nobody else wants anything, one image at a time when somebody does."""

import asyncio
import time
from collections.abc import Callable

from service.workers.board import Slot

# After the last image that somebody waits for: who tries images out is not to meet a busy machine each time.
_QUIET_AFTER_S = 5.0
# Of the time, while others want something, at most this share is that of jobs.
_SHARE = 0.2
# So long an image waits for a moment in which nobody else is inside: in times of its own duration, and at least.
_PATIENCE, _LEAST_PATIENCE_S = 10, 0.1
_LOOKED_FOR_EVERY_S = 0.002
_BREATH_S = 0.001
# Images that are taken together: about so much work, so that whoever comes then finds the machine free soon.
_BLOCK_S, _BLOCK = 0.02, 16


class Pacer:
    """Lets at most ``slots`` blocks of images be worked on at a time; one for the process whose place is ``slot``."""

    def __init__(self, slot: Slot, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._slot = slot
        self._clock = clock
        self._slots = asyncio.Semaphore(slots)
        self._processes = len(slot.board.of_kind(slot.kind))
        self._blocks = self._images = 0
        self._each = _BLOCK_S  # seconds of work for one image, as measured
        self._next = self._latest = 0.0

    @property
    def quiet(self) -> bool:
        """Whether nobody waits for an image, nor has a moment ago."""
        board = self._slot.board
        return not board.images_inside() and self._clock() - board.last_inside() > _QUIET_AFTER_S

    def breathe(self) -> None:
        """Let others have the interpreter, if there are any; for threads that would keep it for milliseconds."""
        if not self.quiet:
            time.sleep(_BREATH_S)

    async def turn(self) -> int:
        """Wait until images may be taken, and return how many at most; ``taken`` and ``done`` are to follow."""
        await self._slots.acquire()
        latest = max(self._latest, self._clock() + _LEAST_PATIENCE_S)
        try:
            while not self.quiet:
                if self._may_take_one(latest):
                    return 1
                await asyncio.sleep(_LOOKED_FOR_EVERY_S)
        except asyncio.CancelledError:
            self._slots.release()
            raise
        return max(1, min(_BLOCK, int(_BLOCK_S / self._each)))

    def taken(self, images: int) -> None:
        """So many are worked on now."""
        self._blocks += 1
        self._count(images)

    def done(self, images: int, work: float) -> None:
        """They are not any more, and each took ``work`` seconds, or 0 where that is not known."""
        self._blocks -= 1
        self._count(-images)
        self._slots.release()
        if work:
            self._each = 0.8 * self._each + 0.2 * work
        now = self._clock()
        self._next = now + self._each * (self._processes / _SHARE - 1)
        self._latest = self._next + _PATIENCE * self._each

    @property
    def each(self) -> float:
        """About how many seconds of work an image is."""
        return self._each

    def _may_take_one(self, latest: float) -> bool:
        now = self._clock()
        if self._blocks or now < self._next:
            return False
        return now >= latest or not self._slot.board.images_inside()

    def _count(self, images: int) -> None:
        self._images += images
        self._slot.hold_patient(self._images)
