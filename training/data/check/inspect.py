"""The whole check, for a command that looks at data and for a training that begins."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training.config import Recipe
from training.data.check.copies import Copies, find_copies
from training.data.check.counts import check_counts
from training.data.check.facts import DataCheck, Finding, Severity
from training.data.check.files import check_files, spans
from training.data.check.material import Material
from training.data.check.orientation import check_orientation
from training.data.check.repeats import check_copies
from training.data.dataset import Dataset, decode, split
from training.data.samples import SPLITS, Source
from training.errors import InvalidData
from training.progress import say

_ORDER: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Inspection:
    """What the check found, what it looked at, and all copies."""

    check: DataCheck
    material: Material
    copies: Copies


def check_dataset(data: Dataset, recipe: Recipe) -> DataCheck:
    """Check data that was read for a training; nothing is decoded again. Errors are not among what can be found."""
    return _inspect(Material(data.source, data.decoded, data.splits, recipe), []).check


def inspect(source: Source, recipe: Recipe, cache: Path | None = None) -> Inspection:
    """Read ``source`` as ``recipe`` would and check it; where nothing can be learnt from it, that is an error found.

    Large sets are kept in a file in the folder ``cache``.
    """
    decoded = decode(source, range(len(source.samples)), recipe.input, cache)
    found = [_nothing(fault.text, fault.files) for fault in source.faults]
    try:
        splits = split(source, decoded, recipe)
    except InvalidData as error:
        # A class without images is among the faults already.
        found = found or [_nothing(str(error), len(source.samples))]
        return _inspect(Material(source, decoded, None, recipe), found)
    return _inspect(Material(source, decoded, splits, recipe), found)


def tell(check: DataCheck) -> None:
    """Say the warnings, one line each."""
    for finding in check.findings:
        if finding.severity != "note":
            say(f"{finding.severity}: {finding.text}")


def _nothing(text: str, files: int) -> Finding:
    return Finding(kind="nothing-to-learn", severity="error", images=files, text=text)


def _inspect(material: Material, findings: list[Finding]) -> Inspection:
    copies = find_copies(material)
    found = [*findings, *check_counts(material), *check_copies(copies), *check_files(material)]
    found += check_orientation(material)
    widths, heights = spans(material)
    check = DataCheck(
        source=material.source.name,
        images=len(material.source.samples),
        unreadable=len(material.decoded.unreadable),
        labels=material.source.labels,
        per_class=material.count(material.readable),
        counts={} if material.splits is None else {split: material.count(material.rows(split)) for split in SPLITS},
        drawn=material.drawn,
        widths=widths,
        heights=heights,
        formats=_counted(original.format for original in material.originals),
        modes=_counted(original.mode for original in material.originals),
        overlaps=copies.overlaps,
        findings=tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity))),
    )
    return Inspection(check, material, copies)


def _counted(values: Iterable[str]) -> dict[str, int]:
    """The most frequent first."""
    return dict(Counter(values).most_common())
