"""Which of the processes of a training this is, where torchrun starts several; it tells each its rank.

All of them read the data and fit. Only the first writes the folder of the run, and says what happens.
"""

import os


def rank() -> int:
    """The number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


def count() -> int:
    """How many processes train together, on all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def count_here() -> int:
    """How many of them are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this is the process that writes; it is where there is but one."""
    return rank() == 0
