"""Runs as tables for a terminal."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from rich import box
from rich.markup import escape
from rich.table import Table

from training.recording import Listed
from training.records import Facts, Record


def runs_table(runs: Sequence[Listed]) -> Table:
    """A few lines a run, so that 80 columns are enough, and a rule between them."""
    caption = "test: accuracy, 95 % interval; ECE: calibration error before, after"
    table = Table(box=box.HORIZONTALS, show_lines=True, pad_edge=False, padding=(0, 1, 0, 0), caption=caption)
    table.add_column("run\nrecipe\nchanges to it", overflow="fold")
    table.add_column("state\nbegan", no_wrap=True)
    for heading in ("epochs\ntime\nparameters", "test", "ECE"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in runs:
        facts = entry.facts
        table.add_row(
            escape("\n".join((facts.run, *_differing(facts), *entry.changes))),
            f"{entry.state}\n{facts.began:%Y-%m-%d %H:%M}",
            f"{facts.epochs}/{facts.planned_epochs}\n{timedelta(seconds=round(facts.seconds))}\n{facts.parameters:,}",
            "\n".join(_test(facts)),
            "\n".join(_errors(facts)),
        )
    return table


def run_table(entry: Listed, records: Iterable[Record]) -> Table:
    """All that is known of one run, and when it came to what."""
    facts = entry.facts
    table = Table("", title=f"{escape(facts.run)}: {entry.state}", show_header=False)
    table.add_column(overflow="fold")
    best = "" if facts.best_epoch is None else f", the best is {facts.best_epoch}"
    accuracy = "" if facts.validation_accuracy is None else f"{facts.validation_accuracy:.2%}"
    rows = {
        "reason": entry.reason,
        "recipe": " ".join((facts.recipe, *(f"--set {change}" for change in entry.changes))),
        "data": " ".join(filter(None, (facts.data, facts.data_path))),
        "fingerprint of the data": facts.fingerprint or "",
        "seed": str(facts.seed),
        "parameters": f"{facts.parameters:,}",
        "epochs": f"{facts.epochs} of {facts.planned_epochs}{best}",
        "seconds": f"{facts.seconds:,.1f}",
        "validation accuracy": accuracy,
        "test accuracy": ", ".join(_test(facts)),
        "calibration error": ", ".join(_errors(facts)),
        "hardware": facts.hardware,
        "commit": ", then ".join(filter(None, (facts.git_commit, *facts.later_commits))),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, escape(value))
    for record in records:
        table.add_row(f"{record.at:%Y-%m-%d %H:%M:%S}", escape(" ".join((record.state, record.reason))))
    return table


def _differing(facts: Facts) -> list[str]:
    """The recipe, where the run is not called by its name."""
    return [] if facts.recipe == facts.run else [facts.recipe]


def _test(facts: Facts) -> list[str]:
    if facts.test_accuracy is None or facts.test_interval is None:
        return []
    low, high = facts.test_interval
    return [f"{facts.test_accuracy:.2%}", f"{low * 100:.1f} - {high * 100:.1f}"]


def _errors(facts: Facts) -> list[str]:
    return [f"{error:.4f}" for error in (facts.uncalibrated_error, facts.calibration_error) if error is not None]
