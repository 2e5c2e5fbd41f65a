"""What every recipe reached, as a table: ``python -m benchmarks.recipes [RUNS_DIR] [--note]``.

The table is of ``benchmarks/results/recipes.jsonl`` and has a row for every recipe: one that was not run says so and
why, one that was trained otherwise than it says now is marked. A finished run in RUNS_DIR takes the place of the one
that is there for its recipe, for trainings of hours are not made on one machine in one go; --note writes that into the
file, which git tracks. Runs of recipes that are not ours, or are for images of one's own, are left out.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from training.config import load_recipe, parse_recipe, recipe_names
from training.recording import list_runs
from training.records import Facts
from training.run import Run
from training.tracking import flatten

RESULTS = Path(__file__).parent / "results" / "recipes.jsonl"
# As the tutorials report it that have these networks, or the table of the data set.
REPORTED = {
    "cifar10-tutorial-a": "about 70 %",
    "cifar10-tutorial-b": "65 %",
    "cifar10-tutorial-c": "51 to 52.5 %",
    "cats-dogs-tutorial": "86 %",
    "flowers-tutorial": "59 to 70 %",
    "intel-tutorial": "48 %",
    "intel-vgg16-tutorial": "18 %",
    "fashion-mnist-vgg16": "93.5 %",
}
# Why a recipe has no run, where its weights to begin with are not the reason.
NOT_RUN = {"folder": "for images of your own"}
_COMMIT_DIGITS = 10
_MARK = "\\*"
_HEAD = (
    "recipe",
    "parameters",
    "epochs",
    "time",
    "hardware",
    "commit",
    "test accuracy (95 %)",
    "ECE before",
    "after",
    "reported",
)


class Row(Facts):
    """What is noted of a run; ``trained`` is its recipe, None where the row was noted before recipes were kept."""

    trained: dict[str, Any] | None = None


def main() -> None:
    """Print the table, with the runs of a folder if one is given, and note these if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", metavar="RUNS_DIR", help="finished runs to show too")
    parser.add_argument("--note", action="store_true", help="write them into the file of results")
    given = parser.parse_args()
    known = {row.recipe: row for row in _read()}
    if given.folder is not None:
        known |= _finished(given.folder)
    if given.note:
        RESULTS.write_text("".join(f"{known[name].model_dump_json()}\n" for name in sorted(known)), encoding="utf-8")
    remarks = {name: remark for name in sorted(known) if (remark := _remark(known[name]))}
    print("| " + " | ".join(_HEAD) + " |")
    print("| --- |" + " ---: |" * 3 + " --- |" * 2 + " ---: |" * 4)
    for name in sorted({*known, *recipe_names()}):
        row = _cells(known[name], _MARK if name in remarks else "") if name in known else _not_run(name)
        print("| " + " | ".join(row) + " |")
    if remarks:
        print(f"\n{_MARK} Trained otherwise than the recipe says now: " + "; ".join(remarks.values()) + ".")


def _read() -> list[Row]:
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return [Row.model_validate_json(line) for line in lines]


def _finished(folder: Path) -> dict[str, Row]:
    """The finished runs of ``folder`` by their recipes; where the data lay is nobody's business."""
    return {
        run.facts.recipe: Row(
            **run.facts.model_dump(exclude={"data_path"}),
            data_path=None,
            trained=Run(folder / run.facts.run).recipe().published().model_dump(mode="json"),
        )
        for run in list_runs(folder)
        if run.state == "finished" and run.facts.recipe in recipe_names() and run.facts.recipe not in NOT_RUN
    }


def _remark(row: Row) -> str | None:
    """Which keys of the recipe are not what they were when it was trained; None where all are."""
    if row.recipe not in recipe_names():
        return f"`{row.recipe}` is gone"
    if row.trained is None:
        return f"`{row.recipe}` perhaps, for how was not noted"
    before, now = flatten(parse_recipe(json.dumps(row.trained))), flatten(load_recipe(row.recipe))
    changed = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)} - {"description"}
    return f"`{row.recipe}` in {', '.join(f'`{key}`' for key in sorted(changed))}" if changed else None


def _cells(facts: Row, mark: str) -> tuple[str, ...]:
    if facts.test_accuracy is None or facts.test_interval is None:
        raise ValueError(f"{facts.run} was never measured on its test split")
    low, high = facts.test_interval
    return (
        f"`{facts.recipe}`{mark}",
        f"{facts.parameters:,}",
        str(facts.epochs),
        f"{facts.seconds:,.0f} s",
        facts.hardware,
        ", ".join(_short(commit) for commit in (facts.git_commit, *facts.later_commits) if commit),
        f"{facts.test_accuracy:.2%} ({low:.2%} to {high:.2%} of {facts.test_images:,})",
        "" if facts.uncalibrated_error is None else f"{facts.uncalibrated_error:.4f}",
        f"{facts.calibration_error:.4f}",
        REPORTED.get(facts.recipe, ""),
    )


def _not_run(name: str) -> tuple[str, ...]:
    reason = "needs ImageNet weights" if load_recipe(name).transfer.weights == "imagenet" else "not yet"
    return f"`{name}`", *[""] * 5, f"not run: {NOT_RUN.get(name, reason)}", "", "", REPORTED.get(name, "")


def _short(commit: str) -> str:
    """Its first digits, and whether files differed from it."""
    digits, dash, dirty = commit.partition("-")
    return digits[:_COMMIT_DIGITS] + dash + dirty


if __name__ == "__main__":
    main()
