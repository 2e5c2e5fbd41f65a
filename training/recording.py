"""What the folders of runs say, written into the records and read back as a list of what became of every run."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from models.manifest import Strict
from training import records
from training.errors import RunUnusable, TrainingError
from training.intervals import wilson
from training.lock import is_busy
from training.progress import say
from training.records import Facts, Record, State
from training.run import Run, best_epoch


class Listed(Strict):
    """A run and what has become of it; ``gone``: its folder was deleted, or holds a later run."""

    state: Literal["running", "finished", "failed", "interrupted", "gone"]
    reason: str = ""
    changes: tuple[str, ...] = ()
    facts: Facts


@contextmanager
def recorded(run: Run, changes: tuple[str, ...]) -> Iterator[None]:
    """Record that a run starts, and how it ends; a process that is killed leaves no word, and its run is interrupted.

    Records are no reason to stop a training: where they cannot be written, that is said.
    """
    place = run.folder.absolute()

    def note(state: State, reason: str = "") -> None:
        record = Record(state=state, at=datetime.now(UTC), reason=reason, changes=changes, facts=look(run))
        try:
            records.append(place.parent, record)
        except OSError as error:
            say(f"the run is not recorded in {place.parent / records.LOG}: {error.strerror}")

    note("started")
    try:
        yield
    except KeyboardInterrupt:
        note("interrupted", "from the keyboard")
        raise
    except Exception as error:
        note("failed", f"{type(error).__name__}: {error}")
        raise
    note("finished")


def look(run: Run) -> Facts:
    """What the folder of a run says; raises RunUnusable or InvalidRecipe where it is none that can be read.

    It began when its recipe was saved, for that is never written again.
    """
    recipe, info = run.recipe(), run.info()
    record = run.splits() if run.splits_file.exists() else None
    history = run.history() if run.metrics_log.exists() else []
    best = best_epoch(history)
    facts = Facts(
        run=run.folder.absolute().name,
        began=datetime.fromtimestamp(run.recipe_file.stat().st_mtime, UTC),
        recipe=info.recipe_name,
        data=None if record is None else record.source,
        data_path=info.data_path,
        fingerprint=None if record is None else record.fingerprint,
        seed=recipe.seed,
        parameters=info.parameters,
        hardware=info.hardware,
        git_commit=info.first.git_commit,
        epochs=len(history),
        planned_epochs=recipe.fit.epochs,
        seconds=round(sum(row.seconds for row in history), 1),
        best_epoch=None if best is None else best.epoch,
        validation_accuracy=None if best is None else best.validation_accuracy,
    )
    return facts.model_copy(update=_tested(run)) if run.metrics_file.exists() else facts


def list_runs(folder: Path) -> list[Listed]:
    """What became of every run in ``folder``, in the order in which they first began.

    Those of the records, and those that lie there without any, as one does that was copied from another machine.
    """
    last = {(record.facts.run, record.facts.began): record for record in records.read(folder)}
    latest = {name: record for (name, _), record in last.items()}
    listed = [
        Listed(state="gone", reason=record.reason, changes=record.changes, facts=record.facts)
        for record in last.values()
        if record is not latest[record.facts.run] or not Run(folder / record.facts.run).exists
    ]
    runs = [Run(path) for path in folder.iterdir()] if folder.is_dir() else []
    there = (_standing(run, latest.get(run.folder.name)) for run in runs if run.exists)
    listed.extend(entry for entry in there if entry)
    return sorted(listed, key=lambda entry: entry.facts.began)


def find_run(folder: Path) -> tuple[Listed, list[Record]]:
    """The run in ``folder``, or that which was there, and its records; raises RunUnusable when there is none."""
    place = folder.absolute()
    found = [entry for entry in list_runs(place.parent) if entry.facts.run == place.name]
    if not found:
        raise RunUnusable(f"{folder}: there is no run, nor a record of one")
    entry = found[-1]
    mine = [record for record in records.read(place.parent) if _is_same(record.facts, entry.facts)]
    return entry, mine


def _tested(run: Run) -> dict[str, Any]:
    metrics = run.metrics()
    return {
        "test_images": metrics.images,
        "test_accuracy": metrics.accuracy,
        "test_interval": metrics.accuracy_interval or wilson(metrics.correct, metrics.images),
        "calibration_error": metrics.expected_calibration_error,
        "uncalibrated_error": metrics.uncalibrated_error,
    }


def _standing(run: Run, record: Record | None) -> Listed | None:
    """A run that is there, as its last record has it; as its folder has it where no record says the end."""
    busy = is_busy(run.folder)
    if record and record.state != "started" and not busy:
        return Listed(state=record.state, reason=record.reason, changes=record.changes, facts=record.facts)
    try:
        facts = look(run)
    except (TrainingError, ValidationError) as error:
        say(f"{run.folder} cannot be read: {error}")
        if record is None:
            return None
        facts = record.facts
    ended: Literal["finished", "interrupted"] = "finished" if run.metrics_file.exists() else "interrupted"
    return Listed(state="running" if busy else ended, changes=record.changes if record else (), facts=facts)


def _is_same(one: Facts, other: Facts) -> bool:
    return (one.run, one.began) == (other.run, other.began)
