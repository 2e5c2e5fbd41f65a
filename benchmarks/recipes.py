"""What every recipe reached, as a table: ``python -m benchmarks.recipes [RUNS_DIR]``.

The finished runs in RUNS_DIR are noted in ``benchmarks/results/recipes.jsonl``, each in place of the one that was there
for its recipe, for trainings of hours are not made on one machine in one go. The table is of that file.
"""

import sys
from pathlib import Path

from training.recording import list_runs
from training.records import Facts

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
_HEAD = (
    "recipe",
    "parameters",
    "epochs",
    "time",
    "hardware",
    "test accuracy (95 %)",
    "ECE before",
    "after",
    "reported",
)


def main() -> None:
    """Note the runs of a folder, if one is given, and print the table."""
    known = {facts.recipe: facts for facts in _read()}
    if len(sys.argv) > 1:
        finished = [run.facts for run in list_runs(Path(sys.argv[1])) if run.state == "finished"]
        # Where the data lay is nobody's business.
        known |= {facts.recipe: facts.model_copy(update={"data_path": None}) for facts in finished}
        RESULTS.write_text("".join(f"{known[name].model_dump_json()}\n" for name in sorted(known)), encoding="utf-8")
    print("| " + " | ".join(_HEAD) + " |")
    print("| --- |" + " ---: |" * 3 + " --- |" + " ---: |" * 4)
    for name in sorted(known):
        print("| " + " | ".join(_row(known[name])) + " |")


def _read() -> list[Facts]:
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return [Facts.model_validate_json(line) for line in lines]


def _row(facts: Facts) -> tuple[str, ...]:
    if facts.test_accuracy is None or facts.test_interval is None:
        raise ValueError(f"{facts.run} was never measured on its test split")
    low, high = facts.test_interval
    return (
        f"`{facts.recipe}`",
        f"{facts.parameters:,}",
        str(facts.epochs),
        f"{facts.seconds:,.0f} s",
        facts.hardware,
        f"{facts.test_accuracy:.2%} ({low:.2%} to {high:.2%} of {facts.test_images:,})",
        "" if facts.uncalibrated_error is None else f"{facts.uncalibrated_error:.4f}",
        f"{facts.calibration_error:.4f}",
        REPORTED.get(facts.recipe, ""),
    )


if __name__ == "__main__":
    main()
