"""A check of the data as a terminal shows it, and its copies as a file."""

import csv
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.data.check.copies import Copies
from training.data.check.facts import DataCheck, Finding, Span
from training.data.samples import SPLITS

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
_SHOWN = 3


def show_check(check: DataCheck) -> None:
    """Print counts, facts and findings on standard output."""
    console = Console(highlight=False)
    console.print(_counts(check))
    console.print(_facts(check), soft_wrap=True)
    for finding in check.findings:
        _show_finding(console, finding)
    if not check.findings:
        console.print("nothing to find fault with")


def write_copies(path: Path, copies: Copies) -> None:
    """Write all pairs of images that are the same or nearly, as CSV with the most alike first."""
    material = copies.material
    names = ["", *SPLITS]
    exact = [(group[0], row, 1.0, False) for group in copies.groups for row in group[1:]]
    near = copies.near
    columns = (near.first.tolist(), near.second.tolist(), near.alike.tolist(), near.mirrored.tolist())
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["first", "second", "same_pixels", "alike", "mirrored", "label", "other_label", "split", "other_split"]
        )
        for pairs, same in ((exact, True), (zip(*columns, strict=True), False)):
            for first, second, alike, mirrored in pairs:
                rows = (first, second)
                labels, splits = map(material.label, rows), (names[material.places[row] + 1] for row in rows)
                writer.writerow([*map(material.key, rows), same, f"{alike:.4f}", mirrored, *labels, *splits])


def _counts(check: DataCheck) -> Table:
    total = f"{check.images:,} files" if check.unreadable else f"{check.images:,} images"
    table = Table(title=f"{escape(check.source)}: {total}, {len(check.labels)} classes")
    table.add_column("class")
    for split in check.counts:
        table.add_column(f"{split} (drawn)" if split in check.drawn else split, justify="right")
    table.add_column("readable", justify="right")
    for index, label in enumerate(check.labels):
        counts = [f"{count[index]:,}" for count in check.counts.values()]
        table.add_row(escape(label), *counts, f"{check.per_class[index]:,}")
    sums = [f"{sum(count):,}" for count in check.counts.values()]
    table.add_section()
    table.add_row("all", *sums, f"{sum(check.per_class):,}")
    return table


def _facts(check: DataCheck) -> str:
    if check.widths is None or check.heights is None:
        return "no image can be read"
    formats = ", ".join(f"{name} {count:,}" for name, count in check.formats.items())
    modes = ", ".join(f"{name} {count:,}" for name, count in check.modes.items())
    return f"width {_pixels(check.widths)}; height {_pixels(check.heights)}; {formats}; {modes}"


def _pixels(span: Span) -> str:
    if span.least == span.largest:
        return f"{span.least} pixels"
    return f"{span.least} to {span.largest} pixels (median {span.median})"


def _show_finding(console: Console, finding: Finding) -> None:
    colour = _COLOURS[finding.severity]
    console.print(f"[{colour}]{finding.severity}[/{colour}] {escape(finding.text)}", soft_wrap=True)
    for example in finding.examples[:_SHOWN]:
        console.print(f"    {escape(example)}", soft_wrap=True)
    more = len(finding.examples) - _SHOWN
    if more > 0:
        console.print(f"    and {more} more with --json", soft_wrap=True)
