"""The words that sources share: a sample, its split, and what a source of samples must give."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled image: ``key`` names it within its source, ``label`` is the index of its class.

    ``split`` is the one that the source puts it in; None when the source has no splits of its own.
    """

    key: str
    label: int
    split: Split | None


@dataclass(frozen=True, slots=True)
class Fault:
    """What somebody must mend before anything can be learnt from a source: why, and how many ``files`` it is about."""

    text: str
    files: int


class Source(Protocol):
    """Labelled images in a fixed order."""

    @property
    def name(self) -> str:
        """What people call this data."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their indices."""

    @property
    def samples(self) -> Sequence[Sample]:
        """All samples, in an order that depends on the data alone."""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What keeps a training from it; the samples can be looked at all the same."""

    def read(self, index: int) -> bytes:
        """The encoded bytes of the sample at ``index``; safe to call from several threads."""
