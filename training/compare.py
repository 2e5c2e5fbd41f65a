"""Which of two models is better, on the same images, and whether the difference is more than noise.

The noise is that of which images the test split happens to hold. What another seed would have made of either training
is not in it: these are two models, not two ways to train (Dietterich 1998, Neural Computation 10:1895).
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from models.manifest import Fraction, Precision, Strict
from training.errors import NotComparable
from training.images import Images, read_images
from training.intervals import wilson
from training.paired import Hits, detectable_difference, difference_interval, discordant, holm, mcnemar
from training.subject import Subject

_LEVEL = 0.05


class Side(Strict):
    """One of the two, and which of its graphs; ``interval`` is where its accuracy lies at 95 % confidence.

    ``held_out``: the images are of the test split of its training, and the weights that this began with did not learn
    from any of that split either; None where that is not known.
    """

    subject: str
    precision: Precision
    held_out: bool | None
    correct: int
    accuracy: Fraction
    interval: tuple[Fraction, Fraction]


class ClassPairs(Strict):
    """The images of one class, counted: right by either, right by one alone; ``p_value`` is raised by Holm's rule."""

    label: str
    images: int
    first_correct: int
    second_correct: int
    first_only: int
    second_only: int
    p_value: Fraction


class Comparison(Strict):
    """``difference`` is first less second, ``interval`` where it lies at 95 % confidence; ``p_value`` is McNemar's.

    ``first_only`` and ``second_only`` count the images that one had right and the other wrong. ``better`` is None
    where the difference may be noise, that is, where the p-value is not below 0.05. ``detectable`` is the difference
    that as many images show four times out of five.
    """

    data: str
    images: int
    unreadable: int
    first: Side
    second: Side
    first_only: int
    second_only: int
    difference: float
    interval: tuple[float, float]
    p_value: Fraction
    detectable: Fraction
    better: Literal["first", "second"] | None
    per_class: tuple[ClassPairs, ...]


def compare(first: Subject, second: Subject, data_path: Path | None) -> Comparison:
    """Compare two models on the images that ``training.images`` chooses for both.

    They may be graphs of one version in two precisions. Their inputs and the order of their labels may differ. Raises
    NotComparable when both are one graph, when their labels differ, or the way they read data, and what choosing the
    images raises.
    """
    _refuse_unlike(first, second)
    with TemporaryDirectory(prefix="whatsit-compare-") as cache:
        images = read_images((first, second), data_path, Path(cache))
        ours, theirs = (
            images.answers(subject).argmax(axis=1) == images.targets(subject) for subject in (first, second)
        )
    sides = [
        _side(subject, hits, held_out=held_out)
        for subject, hits, held_out in zip((first, second), (ours, theirs), images.held_out, strict=True)
    ]
    first_only, second_only = discordant(ours, theirs)
    p_value = mcnemar(first_only, second_only)
    ahead: Literal["first", "second"] = "first" if first_only > second_only else "second"
    return Comparison(
        data=images.source.name,
        images=len(ours),
        unreadable=images.unreadable,
        first=sides[0],
        second=sides[1],
        first_only=first_only,
        second_only=second_only,
        difference=(first_only - second_only) / len(ours),
        interval=difference_interval(first_only, second_only, len(ours)),
        p_value=p_value,
        detectable=detectable_difference(first_only, second_only, len(ours)),
        better=ahead if p_value < _LEVEL else None,
        per_class=_per_class(images, ours, theirs),
    )


def verdict(found: Comparison) -> str:
    """Which of the two is better and whether that is noise, in plain sentences."""
    first, second = _titles(found)
    sign, ahead = (1, first) if found.difference >= 0 else (-1, second)
    low, high = sorted(sign * end * 100 for end in found.interval)
    points = f"{abs(found.difference) * 100:.2f} points"
    if found.better:
        sure = f"{low:.2f} to {high:.2f} at 95 % confidence"
        said = f"{ahead} is better by {points} ({sure}), which is more than noise ({_chance(found.p_value)})."
    elif found.difference:
        said = f"No difference is shown: {ahead} is ahead by {points}, maybe by noise ({_chance(found.p_value)})."
    else:
        said = "No difference: both are right equally often."
    shown = f" So many images show a difference of {found.detectable * 100:.2f} points four times out of five."
    sides = ((found.first, first), (found.second, second))
    flattered = " and ".join(title for side, title in sides if not side.held_out)
    return said + shown + (f" Mind that {flattered} may have learnt from some of these images." if flattered else "")


def _titles(found: Comparison) -> tuple[str, str]:
    """What to call the two: with their precisions, unless both are of float32."""
    first, second = found.first, found.second
    if first.precision == second.precision == "fp32":
        return first.subject, second.subject
    return f"{first.subject} ({first.precision})", f"{second.subject} ({second.precision})"


def _chance(p_value: float) -> str:
    return "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"


def _per_class(images: Images, ours: Hits, theirs: Hits) -> tuple[ClassPairs, ...]:
    truths = np.array([images.source.samples[row].label for row in images.rows.tolist()])
    rows = {label: truths == index for index, label in enumerate(images.source.labels) if (truths == index).any()}
    only = [discordant(ours[chosen], theirs[chosen]) for chosen in rows.values()]
    adjusted = holm([mcnemar(*counts) for counts in only])
    return tuple(
        ClassPairs(
            label=label,
            images=int(chosen.sum()),
            first_correct=int(ours[chosen].sum()),
            second_correct=int(theirs[chosen].sum()),
            first_only=counts[0],
            second_only=counts[1],
            p_value=p_value,
        )
        for (label, chosen), counts, p_value in zip(rows.items(), only, adjusted, strict=True)
    )


def _refuse_unlike(first: Subject, second: Subject) -> None:
    names, unshared = f"{first.title} and {second.title}", set(first.labels) ^ set(second.labels)
    if unshared:
        raise NotComparable(f"{names} know other classes: only one of them has {', '.join(sorted(unshared)[:5])}")
    ways = [(subject.data.kind, subject.data.transpose) for subject in (first, second)]
    if ways[0] != ways[1]:
        raise NotComparable(f"{names} read data in other ways: data.kind or data.transpose differ in their recipes")
    if first.graph_sha256 == second.graph_sha256 and first.labels == second.labels:
        raise NotComparable(
            f"{names} are the same graph, byte by byte: name another model, or two precisions (--precision fp32 "
            "--precision int8)"
        )


def _side(subject: Subject, hits: Hits, *, held_out: bool | None) -> Side:
    correct, count = int(hits.sum()), len(hits)
    return Side(
        subject=subject.name,
        precision=subject.precision,
        held_out=held_out,
        correct=correct,
        accuracy=correct / count,
        interval=wilson(correct, count),
    )
