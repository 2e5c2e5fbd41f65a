"""The same image more than once, and in which splits."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from training.data.check.facts import Overlap
from training.data.check.material import Material
from training.data.descriptors import describe
from training.data.duplicates import NearPairs, find_near
from training.data.samples import SPLITS
from training.data.splits import Indices


@dataclass(frozen=True)
class Copies:
    """``groups`` are the samples of the same pixels, where there are several; ``near`` has pairs of other pixels.

    ``plain`` are the samples in which there is nothing to compare.
    """

    material: Material
    groups: list[list[int]]
    near: NearPairs
    plain: Indices

    @cached_property
    def overlaps(self) -> tuple[Overlap, ...]:
        """How many images are in two splits, or twice in one."""
        exact, near = self._exact(), self._near()
        pairs = sorted(exact.keys() | near.keys(), reverse=True)
        return tuple(
            Overlap(split=SPLITS[own], other=SPLITS[other], exact=exact[own, other], near=len(near[own, other]))
            for own, other in pairs
        )

    def _exact(self) -> Counter[tuple[int, int]]:
        """Images that are once more in a split, or were removed from one for being in another."""
        places, samples = self.material.places, self.material.source.samples
        found: Counter[tuple[int, int]] = Counter()
        for group in self.groups:
            kept = [int(places[row]) for row in group if places[row] >= 0]
            if kept:
                found[kept[0], kept[0]] += len(kept) - 1
                removed = (row for row in group if places[row] < 0)
                found.update((SPLITS.index(samples[row].split or "train"), kept[0]) for row in removed)
        return +found

    def _near(self) -> dict[tuple[int, int], set[int]]:
        """The images of one split that have a near copy in another, or in the same."""
        places = self.material.places
        found: dict[tuple[int, int], set[int]] = defaultdict(set)
        for first, second in zip(self.near.first.tolist(), self.near.second.tolist(), strict=True):
            if places[first] >= 0 and places[second] >= 0:
                found[int(places[first]), int(places[second])].add(first)
                found[int(places[second]), int(places[first])].add(second)
        return found


def find_copies(material: Material) -> Copies:
    """Look for the same and nearly the same images among all that could be read.

    One like another with left and right exchanged is a copy only if both are of one class: others may be b and d.
    """
    rows: dict[bytes, list[int]] = defaultdict(list)
    for row in material.readable.tolist():
        rows[material.decoded.digests[row] or b""].append(row)
    # Of the same pixels the one that is in a split is compared, where there is one.
    distinct = np.array([max(group, key=lambda row: material.places[row] >= 0) for group in rows.values()], np.int64)
    described = describe(material.decoded.pixels, distinct)
    pairs = find_near(described)
    first, second = distinct[pairs.first], distinct[pairs.second]
    same = material.targets[first] == material.targets[second]
    kept = same | ~pairs.mirrored
    near = NearPairs(first[kept], second[kept], pairs.alike[kept], pairs.mirrored[kept])
    groups = [group for group in rows.values() if len(group) > 1]
    return Copies(material, groups, near, distinct[described.plain])
