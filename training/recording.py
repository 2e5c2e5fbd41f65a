"""What the folders of runs say, written into the records and read back as a list of what became of every run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from models.manifest import Strict
from training import records
from training.errors import RunUnusable
from training.intervals import wilson
from training.lock import is_busy
from training.progress import say
from training.records import Facts, Record, State
from training.run import Run, best_epoch

_Outcome = Literal["running", "finished", "failed", "interrupted", "gone"]
# Older records have the time at which the recipe was saved, some hundredths of a second after the run began.
_SAME = timedelta(seconds=1)


class Listed(Strict):
    """A run and what has become of it; ``gone``: nothing is left of it but its records.

    Its folder was deleted, holds another run, or cannot be read.
    """

    state: _Outcome
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
    """What the folder of a run says; raises RunUnusable where it is none that can be read."""
    recipe, info = run.recipe(), run.info()
    record = run.splits() if run.splits_file.exists() else None
    history = run.history() if run.metrics_log.exists() else []
    best = best_epoch(history)
    facts = Facts(
        run=run.folder.absolute().name,
        began=info.first.at,
        recipe=info.recipe_name,
        data=None if record is None else record.source,
        data_path=info.data_path,
        fingerprint=None if record is None else record.fingerprint,
        seed=recipe.seed,
        parameters=info.parameters,
        hardware=info.hardware(len(history)),
        git_commit=info.first.git_commit,
        later_commits=tuple(commit for commit in info.commits(len(history)) if commit != info.first.git_commit),
        epochs=len(history),
        planned_epochs=recipe.fit.epochs,
        seconds=round(sum(row.seconds for row in history), 1),
        best_epoch=None if best is None else best.epoch,
        validation_accuracy=None if best is None else best.validation_accuracy,
    )
    return facts.model_copy(update=_tested(run)) if run.metrics_file.exists() else facts


def list_runs(folder: Path) -> list[Listed]:
    """What became of every run in ``folder``, in the order in which they first began.

    Those that lie there, as their folders say, with or without records; and those that only the records know.
    """
    known = records.read(folder)
    listed, gone = [], {_identity(record): record for record in known}
    for run in map(Run, folder.iterdir() if folder.is_dir() else ()):
        try:
            if run.exists:
                facts = look(run)
                own = _records_of(facts, known)
                listed.append(_standing(run, facts, own[-1] if own else None))
                for record in own:
                    gone.pop(_identity(record), None)
        except (RunUnusable, OSError) as error:
            say(f"left out: {error}")
    listed += [
        Listed(state="gone", reason=record.reason, changes=record.changes, facts=record.facts)
        for record in gone.values()
    ]
    return sorted(listed, key=lambda entry: entry.facts.began)


def find_run(folder: Path) -> tuple[Listed, list[Record]]:
    """The run in ``folder``, else the last that was there, and its records; raises RunUnusable when there is none."""
    place = folder.absolute()
    found = [entry for entry in list_runs(place.parent) if entry.facts.run == place.name]
    if not found:
        raise RunUnusable(f"{folder}: there is no run, nor a record of one")
    entry = next((entry for entry in found if entry.state != "gone"), found[-1])
    return entry, _records_of(entry.facts, records.read(place.parent))


def _tested(run: Run) -> dict[str, Any]:
    metrics = run.metrics()
    return {
        "test_images": metrics.images,
        "test_accuracy": metrics.accuracy,
        "test_interval": metrics.accuracy_interval or wilson(metrics.correct, metrics.images),
        "calibration_error": metrics.expected_calibration_error,
        "uncalibrated_error": metrics.uncalibrated_error,
    }


def _standing(run: Run, facts: Facts, record: Record | None) -> Listed:
    """A run that is there. Its last record adds what its folder does not: what was changed, why it came to no end."""
    state: _Outcome = "interrupted"
    if is_busy(run.folder):
        state = "running"
    elif run.metrics_file.exists():
        state = "finished"
    elif record and record.state == "failed":
        state = "failed"
    if record is None:
        return Listed(state=state, facts=facts)
    reason = record.reason if state in {"failed", "interrupted"} else ""
    return Listed(state=state, reason=reason, changes=record.changes, facts=facts)


def _identity(record: Record) -> tuple[str, datetime]:
    """Of the runs that lie in a folder one after another, or are copied into it, each began at a time of its own."""
    return record.facts.run, record.facts.began


def _records_of(facts: Facts, known: Sequence[Record]) -> list[Record]:
    """The records of the run that ``facts`` are of; where there are none of its very time, those of about then."""
    own = [record for record in known if record.facts.run == facts.run]
    exact = [record for record in own if record.facts.began == facts.began]
    return exact or [record for record in own if abs(record.facts.began - facts.began) < _SAME]
