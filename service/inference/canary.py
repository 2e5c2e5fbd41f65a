"""Canaries: which of two versions answers whom, and when the new one has shown that it must not go on."""

import math
from collections import deque
from hashlib import blake2b

from models.targets import Target
from service.settings import Settings

_REMEMBERED = 1000  # images of each version: an old success must not outweigh what fails now
_SLOW = 0.95  # the share of answers that must not be slower
_ENOUGH_FAILURES = 5


def choose(target: Target, salt: str, client: str) -> int:
    """The version that answers ``client``: always the same one, as long as the weights stand.

    ``salt`` tells aliases apart, so that not the same clients are the first ones everywhere.
    """
    if target.canary is None:
        return target.version
    digest = blake2b(f"{salt}\0{client}".encode(), digest_size=8).digest()
    share = int.from_bytes(digest, "big") / 2**64
    return target.canary if share < target.weights[1] / sum(target.weights) else target.version


class Trial:
    """What a canary and its incumbent have shown in this process."""

    def __init__(self) -> None:
        self._incumbent = _Record()
        self._canary = _Record()

    def note(self, seconds: float | None, *, canary: bool) -> None:
        """An image was answered after ``seconds``, or failed through no fault of its own: then None."""
        (self._canary if canary else self._incumbent).note(seconds)

    def verdict(self, settings: Settings) -> str | None:
        """Why the canary must end; None as long as it may go on."""
        canary, incumbent, least = self._canary, self._incumbent, settings.canary_images
        allowed = settings.canary_failures + incumbent.failure_rate
        if canary.failed >= _ENOUGH_FAILURES and canary.failed > allowed * max(canary.images, least):
            return f"{canary.failed} of {canary.images} images failed; of the incumbent {incumbent.failure_rate:.2%}"
        if len(canary.seconds) < least or len(incumbent.seconds) < least:
            return None
        slow, usual = canary.quantile(_SLOW), incumbent.quantile(_SLOW)
        if slow > usual * settings.canary_slowness:
            took, those = f"{_SLOW:.0%} of its images took up to {slow * 1000:.1f} ms", f"{usual * 1000:.1f} ms"
            return f"{took}, of the incumbent up to {those}"
        return None


class _Record:
    """The last images of a version."""

    def __init__(self) -> None:
        self._last: deque[float | None] = deque(maxlen=_REMEMBERED)

    @property
    def images(self) -> int:
        return len(self._last)

    @property
    def failed(self) -> int:
        return self._last.count(None)

    @property
    def failure_rate(self) -> float:
        return self.failed / self.images if self.images else 0.0

    @property
    def seconds(self) -> list[float]:
        """Those of the images that were answered, in rising order."""
        return sorted(seconds for seconds in self._last if seconds is not None)

    def note(self, seconds: float | None) -> None:
        self._last.append(seconds)

    def quantile(self, share: float) -> float:
        """The nearest rank."""
        ranked = self.seconds
        return ranked[math.ceil(share * len(ranked)) - 1]
