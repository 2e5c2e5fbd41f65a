"""What an archive may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The most ``entries``, bytes when unpacked (``inflated``), bytes of one image, and how many times as large as its
    bytes in the archive what they unpack to may be (``ratio``).
    """

    entries: int
    inflated: int
    image: int
    ratio: int
