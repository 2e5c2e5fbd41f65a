"""One seed, many streams: each purpose and each epoch draws its own random numbers.

So a resumed run draws what the uninterrupted one would have drawn, without saving the state of any generator.
"""

import random
import zlib

import numpy as np


def stream(seed: int, *purpose: str | int) -> int:
    """A seed for one purpose: the same for the same arguments, on every machine and in every version of Python."""
    text = "/".join(map(str, (seed, *purpose)))
    return zlib.crc32(text.encode())


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A generator of NumPy for one purpose."""
    return np.random.default_rng(stream(seed, *purpose))


def seed_everything(seed: int, *purpose: str | int) -> None:
    """Seed the global generators of Python, NumPy and torch (CUDA included)."""
    import torch  # takes seconds, and most who draw numbers need none

    value = stream(seed, *purpose)
    random.seed(value)
    np.random.seed(value)  # for libraries that still draw from it
    torch.manual_seed(value)
