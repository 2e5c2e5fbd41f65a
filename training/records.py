"""Experiment records: what became of every run, in ``runs.jsonl`` in the folder where the runs lie.

One JSON object a line, appended whenever a run starts or ends, each with all that was known by then; none is changed
or taken out, so that a run leaves its numbers behind when its folder is deleted. A run is named by its folder, within
the folder that holds the file, so that both can be moved together.
"""

import fcntl
import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from models.manifest import Fraction, Strict
from training.formats import complaint
from training.progress import say

LOG = "runs.jsonl"

State = Literal["started", "finished", "failed", "interrupted"]


class Facts(Strict):
    """What the folder of a run says, as far as the run has come; ``recipe`` is the name of it.

    ``began`` is when the run first did, ``seconds`` the time of the ``epochs`` that are done. The validation accuracy
    is that of the best epoch. Intervals are at 95 % confidence; the calibration errors are of the test split, with the
    temperature and without. ``git_commit`` is the one that it began with, ``later_commits`` are others that trained it.
    """

    run: str
    began: datetime
    recipe: str
    data: str | None
    data_path: str | None
    fingerprint: str | None
    seed: int
    parameters: int
    hardware: str
    git_commit: str | None
    later_commits: tuple[str, ...] = ()
    epochs: int
    planned_epochs: int
    seconds: float
    best_epoch: int | None = None
    validation_accuracy: Fraction | None = None
    test_images: int | None = None
    test_accuracy: Fraction | None = None
    test_interval: tuple[Fraction, Fraction] | None = None
    calibration_error: Fraction | None = None
    uncalibrated_error: Fraction | None = None


class Record(Strict):
    """One line: a run, as it was when it came to ``state``. ``changes`` are those to the recipe, as ``--set`` has them.

    ``reason`` says why it failed or was interrupted.
    """

    state: State
    at: datetime
    reason: str = ""
    changes: tuple[str, ...] = ()
    facts: Facts


def append(folder: Path, record: Record) -> None:
    """Add one line to the records in ``folder``; whole, or not at all, whoever else writes at the same time."""
    path = folder / LOG
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # freed when the file is closed, or its process dies
        file.truncate(_whole(path.read_bytes()))
        file.write(record.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> list[Record]:
    """All lines in ``folder``, oldest first; one that cannot be read is named and left out."""
    path = folder / LOG
    if not path.exists():
        return []
    content, records = path.read_bytes(), []
    for number, line in enumerate(content[: _whole(content)].split(b"\n")[:-1], start=1):
        try:
            records.append(Record.model_validate_json(line))
        except ValidationError as error:
            say(f"left out: line {number} of {path} {complaint(error)}")
    return records


def _whole(content: bytes) -> int:
    """The length of the whole lines; after them may stand the beginning of one, whose writer died."""
    return content.rfind(b"\n") + 1
