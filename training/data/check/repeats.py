"""What is to be said about images that are there more than once: under two classes, in two splits, or for nothing."""

from collections.abc import Iterator

import numpy as np

from training.data.check.copies import Copies
from training.data.check.facts import Finding, Overlap
from training.data.check.material import Material, images, some
from training.data.duplicates import NearPairs
from training.data.samples import SPLITS


def check_copies(copies: Copies) -> Iterator[Finding]:
    """Images under two classes, images in two splits, images that are there twice, images that show nothing."""
    yield from _contradictions(copies)
    yield from _near_contradictions(copies)
    yield from _leakage(copies)
    yield from _removed(copies)
    yield from _repeated(copies)
    yield from _plain(copies)


def _contradictions(copies: Copies) -> Iterator[Finding]:
    found = [group for group in copies.groups if len({copies.material.label(row) for row in group}) > 1]
    if found:
        count = sum(map(len, found))
        text = f"{images(count)} of the same pixels in two classes: decide which is right"
        examples = some([" = ".join(_with_label(copies.material, row) for row in group) for group in found])
        yield Finding(kind="contradiction", severity="warning", images=count, text=text, examples=examples)


def _near_contradictions(copies: Copies) -> Iterator[Finding]:
    near, targets = copies.near, copies.material.targets
    pairs = near.at(np.flatnonzero(targets[near.first] != targets[near.second]))
    if len(pairs):
        count = _distinct(pairs)
        text = f"{images(count)} nearly the same as one of another class: see whether both labels are right"
        yield Finding(
            kind="near-contradiction",
            severity="warning",
            images=count,
            text=text,
            examples=_pairs(copies.material, pairs, labels=True),
        )


def _leakage(copies: Copies) -> Iterator[Finding]:
    """Near copies in the splits that measure; those of the same pixels are gone already."""
    material = copies.material
    for overlap in copies.overlaps:
        if not overlap.near or SPLITS.index(overlap.split) <= SPLITS.index(overlap.other):
            continue
        total = len(material.rows(overlap.split))
        share = f"{overlap.near:,} of {images(total)} ({overlap.near / total:.1%}) in the {overlap.split} split"
        text = (
            f"near copies, in the {overlap.other} split, of {share} flatter the accuracy: {_way_out(copies, overlap)}"
        )
        pairs = _between(copies, overlap)
        yield Finding(
            kind="leakage", severity="warning", images=overlap.near, text=text, examples=_pairs(material, pairs)
        )


def _way_out(copies: Copies, overlap: Overlap) -> str:
    if copies.material.recipe.data.kind != "folder":
        return "say so where you give it, for this data is what others measure with"
    if overlap.split in copies.material.drawn:
        return "take one of each two away, or share the images out yourself, into folders train/, val/ and test/"
    return "take one of each two away"


def _between(copies: Copies, overlap: Overlap) -> NearPairs:
    places, wanted = copies.material.places, {SPLITS.index(overlap.split), SPLITS.index(overlap.other)}
    both = zip(copies.near.first.tolist(), copies.near.second.tolist(), strict=True)
    rows = [at for at, (first, second) in enumerate(both) if {int(places[first]), int(places[second])} == wanted]
    return copies.near.at(np.array(rows, np.int64))


def _removed(copies: Copies) -> Iterator[Finding]:
    for overlap in copies.overlaps:
        if overlap.split != overlap.other and overlap.exact:
            text = (
                f"{images(overlap.exact)} left out of the {overlap.split} split for being, pixel by pixel, in the "
                f"{overlap.other} split"
            )
            yield Finding(kind="removed", severity="note", images=overlap.exact, text=text)


def _repeated(copies: Copies) -> Iterator[Finding]:
    material = copies.material
    again = sum(len(group) - 1 for group in copies.groups)
    if again:
        files = sum(len(group) - len({_file(material, row) for row in group}) for group in copies.groups)
        text = f"{images(again)} of the same pixels as an earlier one, {files:,} of the same bytes: take them away"
        examples = some([" = ".join(material.keys(group)) for group in copies.groups])
        yield Finding(kind="copies", severity="note", images=again, text=text, examples=examples)
    if len(copies.near):
        count = _distinct(copies.near)
        text = f"{images(count)} nearly the same as another one: both together teach hardly more than one"
        examples = _pairs(material, copies.near)
        yield Finding(kind="near-copies", severity="note", images=count, text=text, examples=examples)


def _plain(copies: Copies) -> Iterator[Finding]:
    if len(copies.plain):
        text = f"{images(len(copies.plain))} of nearly one colour: see whether they show anything"
        examples = copies.material.keys(copies.plain.tolist())
        yield Finding(kind="plain", severity="note", images=len(copies.plain), text=text, examples=examples)


def _distinct(pairs: NearPairs) -> int:
    return len(np.union1d(pairs.first, pairs.second))


def _pairs(material: Material, pairs: NearPairs, *, labels: bool = False) -> tuple[str, ...]:
    name = _with_label if labels else Material.key
    columns = (pairs.first.tolist(), pairs.second.tolist(), pairs.alike.tolist(), pairs.mirrored.tolist())
    return some(
        [
            f"{name(material, first)} ~ {name(material, second)}: {alike:.3f}{' mirrored' if mirrored else ''}"
            for first, second, alike, mirrored in zip(*columns, strict=True)
        ]
    )


def _with_label(material: Material, row: int) -> str:
    return f"{material.key(row)} ({material.label(row)})"


def _file(material: Material, row: int) -> bytes:
    original = material.decoded.originals[row]
    return b"" if original is None else original.sha256
