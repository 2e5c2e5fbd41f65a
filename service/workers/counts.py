"""The counts of all processes, which they see of each other on the board."""

import logging
from collections.abc import Iterator
from dataclasses import replace

from service.observability.snapshot import Snapshot, decode
from service.workers.board import Slot

log = logging.getLogger(__name__)


class SharedCounts:
    """What the process whose place is ``slot`` shows of its counts, and sees of those of the others."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._fits = True

    def show(self, own: Snapshot) -> None:
        """Let the others see ``own``; when it is too large, they still see the last that was not."""
        fits = self._slot.publish(own.encode())
        if self._fits and not fits:
            log.error("the counts of this process are too many to be shared; metrics no longer add up")
        self._fits = fits

    def others(self) -> Iterator[Snapshot]:
        """What the others have shown; of those that are gone the counts only."""
        for slot in self._slot.others():
            if found := slot.published():
                data, alive = found
                snapshot = decode(data)
                yield snapshot if alive else replace(snapshot, gauges={}, engines=[])

    def predecessor(self) -> Snapshot:
        """What was shown last by the one that had this place before; nothing for the first."""
        found = self._slot.published()
        return decode(found[0]) if found else Snapshot()
