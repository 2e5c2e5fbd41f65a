"""How many images each class has, and which files cannot be read."""

from collections.abc import Iterator

import numpy as np

from training.data.check.facts import Finding, Severity
from training.data.check.material import Material, images, some
from training.data.samples import SPLITS, Split
from training.thresholds import least_images

_FEWEST: dict[Split, int] = {"train": 20, "validation": 5, "test": 10}
_FEW: dict[Split, tuple[Severity, str]] = {
    "train": ("warning", "to learn from: collect more, or join classes"),
    "validation": ("note", "in the validation split, which chooses the epoch, the temperature and the thresholds"),
    "test": ("note", "in the test split, so that its recall is hardly known: collect more"),
}
_SHARES = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
_IMBALANCE = 3  # the largest class by the smallest


def check_counts(material: Material) -> Iterator[Finding]:
    """Unreadable files, classes of few images, too few of all to accept answers, classes of very unequal size."""
    yield from _unreadable(material)
    if material.splits is not None:
        for split in SPLITS:
            yield from _few(material, split)
        yield from _unproved(material)
        yield from _imbalance(material)


def _unreadable(material: Material) -> Iterator[Finding]:
    reasons = material.decoded.unreadable
    if reasons:
        total = images(len(material.source.samples), "file", "files")
        text = f"{len(reasons):,} of {total} cannot be read and will be left out: mend them, or take them away"
        examples = some([f"{key}: {reason}" for key, reason in reasons.items()])
        yield Finding(kind="unreadable", severity="warning", images=len(reasons), text=text, examples=examples)


def _few(material: Material, split: Split) -> Iterator[Finding]:
    counts = material.count(material.rows(split))
    few = {label: count for label, count in zip(material.source.labels, counts, strict=True) if count < _FEWEST[split]}
    if few:
        severity, consequence = _FEW[split]
        severity = severity if all(few.values()) else "warning"  # of none at all nothing is known
        text = f"{images(len(few), 'class has', 'classes have')} fewer than {_FEWEST[split]} images {consequence}"
        examples = some([f"{label}: {count}" for label, count in sorted(few.items(), key=lambda item: item[1])])
        yield Finding(kind="few", severity=severity, images=sum(few.values()), text=text, examples=examples)


def _unproved(material: Material) -> Iterator[Finding]:
    """Too few images for validation to prove of any answers that they may be accepted."""
    wanted, count = material.recipe.decision.accuracy, len(material.rows("validation"))
    least = least_images(wanted)
    if count < least:
        text = (
            f"{images(count)} for validation cannot prove answers right in {wanted * 100:g} % of the cases, so that "
            f"all will be for review; it takes {least}, all of them right, and better some hundreds: "
            f"{_more(material, least)}"
        )
        yield Finding(kind="unproved", severity="warning", images=count, text=text)


def _more(material: Material, least: int) -> str:
    """How to get ``least`` images for validation."""
    if "validation" not in material.drawn:
        return "put more into val/"
    pool = np.array(material.count(material.rows("train"))) + material.count(material.rows("validation"))
    for share in _SHARES:
        if (drawn := int(np.maximum(1, np.rint(share * pool)).sum())) >= least:
            return f"collect more, or hold out {drawn} of these with --set data.validation={share:g}"
    return "collect more"


def _imbalance(material: Material) -> Iterator[Finding]:
    rows = material.rows("train")
    counts = np.array(material.count(rows))
    least, most = int(counts.argmin()), int(counts.argmax())
    ratio = counts[most] / counts[least]
    if ratio < _IMBALANCE:
        return
    balance = material.recipe.fit.balance
    labels = material.source.labels
    text = f"{labels[most]!r} has {ratio:.1f} times as many training images as {labels[least]!r}"
    advice = "even them out with --set fit.balance=weights or --set fit.balance=sampling"
    severity: Severity = "warning"
    if balance != "none":
        severity, advice = "note", f"fit.balance = {balance!r} evens them out"
    yield Finding(kind="imbalance", severity=severity, images=len(rows), text=f"{text}: {advice}")
