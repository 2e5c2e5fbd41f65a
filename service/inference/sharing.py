"""How the cores of the machine are shared out among runs of graphs.

Runs of one thread each, as many at a time as there are cores, get most out of a CPU. But an image that comes alone
would leave the other cores idle: it is run by all of them.
"""

from models.precision import RealDevice
from service.cores import usable_cores
from service.settings import Settings


def threads_of(settings: Settings) -> tuple[int, int]:
    """The threads of one run among others, and of one that has the machine to itself."""
    return (settings.threads, settings.threads) if settings.threads else (1, usable_cores())


def lanes_of(settings: Settings, device: RealDevice) -> int:
    """How many runs this process makes at a time; a GPU does one after the other faster."""
    if settings.lanes:
        return settings.lanes
    if device == "cuda":
        return 1
    return max(1, usable_cores() // (settings.threads or 1))
