"""What whoever imports a classifier says of it, and whether that can be true."""

import math
from dataclasses import dataclass
from typing import Literal

from models.errors import ImportRefused

Colour = Literal["rgb", "bgr", "grey"]
Layout = Literal["nchw", "nhwc"]
AskedLayout = Literal["auto", "nchw", "nhwc"]
Softmax = Literal["auto", "yes", "no"]
Resize = Literal["stretch", "crop", "pad"]
Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a classifier wants its images; None and ``auto`` leave it to the graph to say.

    ``size`` is (height, width). ``mean`` and ``std`` are for values from 0 to 1, one for all channels or one for each,
    in the order in which the network takes them; without either it is given values from 0 to 1.
    """

    size: tuple[int, int] | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    colour: Colour | None = None
    layout: AskedLayout = "auto"
    resize: Resize = "crop"
    crop_fraction: float = 0.875
    filter: Filter = "bicubic"

    @property
    def is_plain(self) -> bool:
        """Whether neither mean nor deviation was given."""
        return (self.mean, self.std) == ((0.0,), (1.0,))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a version is to be made of a classifier: what it takes, and what its outputs mean.

    ``output`` names the output that counts, where the graph has several. ``threshold`` is the least score that is
    accepted; without one, every answer is for review. ``source`` says where the network is from, and its licence.
    """

    labels: tuple[str, ...]
    preprocessing: Preprocessing = Preprocessing()
    softmax: Softmax = "auto"
    output: str | None = None
    threshold: float | None = None
    description: str = ""
    source: str = "not stated"


def read_numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between them, each a decimal or a fraction: ``0.485,0.456,0.406`` or ``127/255``.

    Raises ValueError.
    """
    return tuple(_number(part.strip()) for part in text.split(","))


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{text!r} is no number and no fraction of two") from error


def read_size(text: str) -> tuple[int, int]:
    """(height, width) of ``224`` or of ``HEIGHTxWIDTH``; raises ValueError."""
    height, times, width = text.partition("x")
    try:
        return int(height), int(width if times else height)
    except ValueError as error:
        raise ValueError(f"{text!r} is no size: write 224, or HEIGHTxWIDTH") from error


def check_normalisation(mean: tuple[float, ...], std: tuple[float, ...], channels: int) -> None:
    """Raise ImportRefused for a mean and a deviation that images with values from 0 to 1 cannot have."""
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in {1, channels}:
            raise ImportRefused(f"{name}: {len(values)} values for {channels} channels; give one for each, or one")
        if not all(math.isfinite(value) for value in values):
            raise ImportRefused(f"{name}: {values} are not all numbers")
        if max(values) > 1:
            scaled = ",".join(f"{value:g}/255" for value in values)
            raise ImportRefused(
                f"{name}: {max(values):g} is of values from 0 to 255; it is wanted for values from 0 to 1: "
                f"--{name} {scaled}"
            )
    if min(mean) < 0 or min(std) <= 0:
        raise ImportRefused("mean must not be below 0, nor std 0 or below: (value - mean) / std, of values from 0 to 1")
