"""What all checks look at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.config import Recipe
from training.data.dataset import Decoded, Original
from training.data.samples import SPLITS, Source, Split
from training.data.splits import Indices, Splits

_NAMED = 10


@dataclass(frozen=True)
class Material:
    """A decoded source, the recipe that is to learn from it, and its splits; None where there can be none."""

    source: Source
    decoded: Decoded
    splits: Splits | None
    recipe: Recipe

    @cached_property
    def targets(self) -> Indices:
        """The index of the label of each sample."""
        return np.array([sample.label for sample in self.source.samples], np.int64)

    @cached_property
    def readable(self) -> Indices:
        """The samples that could be read."""
        return np.array([row for row, digest in enumerate(self.decoded.digests) if digest is not None], np.int64)

    @cached_property
    def originals(self) -> list[Original]:
        """What the readable samples were decoded from."""
        return [original for original in self.decoded.originals if original is not None]

    @cached_property
    def places(self) -> NDArray[np.int8]:
        """The place in SPLITS of the split that each sample is in; -1 for those in none."""
        places = np.full(len(self.source.samples), -1, np.int8)
        for place, split in enumerate(SPLITS):
            places[self.rows(split)] = place
        return places

    def rows(self, split: Split) -> Indices:
        """The samples of a split; none where there can be no splits."""
        return np.empty(0, np.int64) if self.splits is None else self.splits[split]

    @property
    def drawn(self) -> tuple[Split, ...]:
        """The splits that the source does not have by itself, in the order of SPLITS."""
        own = {sample.split for sample in self.source.samples}
        return tuple(split for split in SPLITS if self.splits is not None and split not in own)

    def count(self, rows: Indices) -> tuple[int, ...]:
        """How many of ``rows`` are of each label."""
        return tuple(np.bincount(self.targets[rows], minlength=len(self.source.labels)).tolist())

    def key(self, row: int) -> str:
        """The name of a sample."""
        return self.source.samples[row].key

    def label(self, row: int) -> str:
        """The name of the class of a sample."""
        return self.source.labels[self.source.samples[row].label]

    def keys(self, rows: Iterable[int]) -> tuple[str, ...]:
        """The names of some of ``rows``."""
        return some([self.key(row) for row in rows])


def some(examples: Sequence[str]) -> tuple[str, ...]:
    """As many as are shown."""
    return tuple(examples[:_NAMED])


def images(count: int, one: str = "image", more: str = "images") -> str:
    """A count with its noun, and a verb where the caller adds it to both."""
    return f"{count:,} {one if count == 1 else more}"
