"""How often a key may ask: counted over all processes of the service."""

import math
import time
from typing import TYPE_CHECKING

from service.errors import RateExceeded
from service.keys.key import Key
from service.workers.board import Slot

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import SlidingWindowCounterRateLimiter


class Rates:
    """Counts the requests of each key that has a rate; those of all processes on the board of ``slot`` count together.

    The strategy is the sliding window counter of the library ``limits``: the requests of the present window, and of the
    one before the share that is not over yet. It is imported with the first such key, for it takes a while.
    """

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._limiter: SlidingWindowCounterRateLimiter | None = None
        self._items: dict[str, RateLimitItem] = {}

    def count(self, key: Key) -> None:
        """Count one request; raises RateExceeded when it is one too many, which does not count."""
        if key.rate is None:
            return
        limiter = self._limiter or self._make_limiter()
        item = self._items.get(key.rate) or self._parse(key.rate)
        if not limiter.hit(item, key.id):
            wait = limiter.get_window_stats(item, key.id).reset_time - time.time()
            retry_after = max(1, math.ceil(wait))
            raise RateExceeded(f"this key may ask {key.rate}; ask again in {retry_after} s", retry_after)

    def _make_limiter(self) -> "SlidingWindowCounterRateLimiter":
        from limits.strategies import SlidingWindowCounterRateLimiter  # noqa: PLC0415 - as the docstring says

        from service.keys.storage import SharedStorage  # noqa: PLC0415

        slots = self._slot.board.slots
        storage = SharedStorage(self._slot.windows, [slot.windows for slot in slots])
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        return self._limiter

    def _parse(self, rate: str) -> "RateLimitItem":
        from limits import parse  # noqa: PLC0415

        item = self._items[rate] = parse(rate)
        return item
