"""Near copies: images that are more alike than two different images of the same data ever are by chance.

How alike that is depends on the data. Photographs of different things hardly agree in their details; trousers on
black, or strokes of a pen, agree so well that no fixed threshold fits both. So each image has a threshold of its own:
how alike its most alike neighbour would be by chance once in a thousand images, going by a sample of the same data.
The number of neighbours within a distance grows with a power of it, the local dimension, which is estimated by
maximum likelihood (Levina and Bickel 2004); to accept only what chance would hardly bring is the a-contrario principle
of Desolneux, Moisan and Morel (2000).
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.descriptors import Descriptors, Floats, Hashes
from training.data.splits import Indices
from training.progress import bar

# Bits of 64 in which the hashes of candidates may differ. With 14, CIFAR-10 has five times as many candidates, and 6 %
# more of its known near copies are found; with 10, it is 8 % fewer.
_DISTANCE = 12
_CHANCE = 1e-3  # false partners that an image may be expected to have
_SAMPLE = 2000
# Ranks in the sample of the neighbours that the dimension is estimated from; the nearest do not count, for they may be
# copies.
_FIRST, _LAST = 10, 30
_FEWEST = 9  # images of which anything can be learnt about chance
# Whatever chance brings: less alike is no copy, and what is more alike cannot be told from one.
_LEAST_ALIKE, _SURELY_ALIKE = 0.6, 0.995
_PARTNERS = 20
_ROWS, _COLUMNS, _PAIRS = 64, 4096, 1 << 14


@dataclass(frozen=True)
class NearPairs:
    """Pairs of images ``first[i]`` and ``second[i]``, the former the lower, the most alike first.

    ``alike`` is the correlation of their details; ``mirrored`` is whether one is like the other with left and right
    exchanged. Of an image that has many later copies, the 20 most alike are listed.
    """

    first: Indices
    second: Indices
    alike: Floats
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)

    def at(self, places: Indices) -> "NearPairs":
        """Those at ``places``, in that order."""
        return NearPairs(self.first[places], self.second[places], self.alike[places], self.mirrored[places])


def find_near(images: Descriptors) -> NearPairs:
    """Find the near copies among ``images``; those that are plain have none.

    All hashes are compared with all: 60,000 images take 4 seconds of one core, twice as many four times that.
    """
    thresholds = chance_thresholds(images.details)
    thresholds[images.plain] = np.inf
    starts = range(0, len(thresholds), _ROWS)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(lambda start: _near_of_block(images, thresholds, start), starts)
        found = list(bar(parts, "looking for copies", len(starts)))
    pairs = _join(found)
    return pairs.at(np.argsort(-pairs.alike, kind="stable"))


def chance_thresholds(details: Floats) -> Floats:
    """Float32 ``[N]``: how alike an image must be to another to be its near copy, for ``details`` ``[N, D]``."""
    count = len(details)
    size = min(count, _SAMPLE)
    if size < _FEWEST:
        return np.full(count, _SURELY_ALIKE, np.float32)
    last = min(_LAST, size // 3)
    first = max(1, last * _FIRST // _LAST)
    sample = np.random.default_rng(0).choice(count, size, replace=False)
    distances = _neighbours(details, sample, last)
    # Between the ranks k and l of K neighbours, the logarithm of the distance grows by (H(l-1) - H(k-1)) / dimension.
    harmonic = np.concatenate([[0], np.cumsum(1 / np.arange(1, last))])
    growth = np.mean(harmonic[last - 1] - harmonic[first - 1 : last - 1])
    steps = np.log(distances[:, -1:] / distances[:, first - 1 : -1]).mean(axis=1) / growth
    # An estimate from 20 neighbours is off by a fifth; half way to that of all images it is steady, and still local.
    per_dimension = (steps + steps.mean()) / 2
    expected = count * last / size  # neighbours within the distance of the last one
    nearest = distances[:, -1] * np.exp(per_dimension * np.log(_CHANCE / expected))
    thresholds: Floats = np.clip(1 - nearest**2, _LEAST_ALIKE, _SURELY_ALIKE).astype(np.float32)
    return thresholds


def _neighbours(details: Floats, sample: Indices, count: int) -> Floats:
    """``[N, count]``: the distances of every image to its ``count`` nearest others in the sample, rising.

    A distance is the root of 1 - correlation, which is proportional to the Euclidean one of details.
    """
    others = details[sample].T
    place = np.full(len(details), -1)
    place[sample] = np.arange(len(sample))
    distances = np.empty((len(details), count), np.float32)
    for start in range(0, len(details), _COLUMNS):
        part = slice(start, start + _COLUMNS)
        apart = 1 - details[part] @ others
        own = np.flatnonzero(place[part] >= 0)
        apart[own, place[part][own]] = np.inf
        nearest = np.sort(np.partition(apart, count - 1, axis=1)[:, :count], axis=1)
        distances[part] = np.sqrt(np.maximum(nearest, 1e-6))
    return distances


def _near_of_block(images: Descriptors, thresholds: Floats, start: int) -> NearPairs:
    """The near copies of the images from ``start`` on, among those that come after them."""
    parts = []
    for mirrored, hashes in enumerate((images.hashes, images.mirrored)):
        for first, second in _candidates(images.hashes, hashes, start):
            details = images.details[first] * images.signs if mirrored else images.details[first]
            alike = np.einsum("ij,ij->i", details, images.details[second])
            near = alike >= np.maximum(thresholds[first], thresholds[second])
            flags = np.full(np.count_nonzero(near), bool(mirrored))
            parts.append(NearPairs(first[near], second[near], alike[near], flags))
    return _most_alike(_join(parts))


def _candidates(hashes: Hashes, others: Hashes, start: int) -> Iterator[tuple[Indices, Indices]]:
    """Places of pairs whose hashes are close, in pieces that bound the memory."""
    rows = hashes[start : start + _ROWS, None]
    for column in range(start, len(others), _COLUMNS):
        differing = np.bitwise_count(rows ^ others[None, column : column + _COLUMNS])
        # On two axes nonzero took more than half of the time of the whole search.
        row, place = np.divmod(np.flatnonzero(differing <= _DISTANCE), differing.shape[1])
        first, second = row + start, place + column
        later = second > first
        first, second = first[later], second[later]
        for piece in range(0, len(first), _PAIRS):
            yield first[piece : piece + _PAIRS], second[piece : piece + _PAIRS]


def _join(parts: list[NearPairs]) -> NearPairs:
    nothing = np.empty(0, np.int64)
    none = NearPairs(nothing, nothing, nothing.astype(np.float32), nothing.astype(np.bool_))
    columns = ((part.first, part.second, part.alike, part.mirrored) for part in [none, *parts])
    first, second, alike, mirrored = (np.concatenate(column) for column in zip(*columns, strict=True))
    return NearPairs(first, second, alike, mirrored)


def _most_alike(pairs: NearPairs) -> NearPairs:
    """Each pair once, and of each first image those with its most alike partners."""
    pairs = pairs.at(np.lexsort((-pairs.alike, pairs.second, pairs.first)))
    again = np.zeros(len(pairs), np.bool_)
    again[1:] = (np.diff(pairs.first) == 0) & (np.diff(pairs.second) == 0)  # symmetrical, and so mirrored as well
    pairs = pairs.at(np.flatnonzero(~again))
    pairs = pairs.at(np.lexsort((-pairs.alike, pairs.first)))
    rank = np.arange(len(pairs)) - np.searchsorted(pairs.first, pairs.first)
    return pairs.at(np.flatnonzero(rank < _PARTNERS))
