"""A whole training run: recipe, data, fit, and everything that a version needs besides a name."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.store import Store
from training.config import Recipe
from training.data.changes import visible_changes
from training.data.check.inspect import check_dataset, tell
from training.data.contact_sheet import contact_sheet
from training.data.dataset import Dataset, load_dataset
from training.data.samples import SPLITS, Source
from training.data.sources import open_source
from training.errors import RunExists, RunUnusable
from training.finish import finish
from training.fit import fit
from training.lock import sole
from training.network import count_parameters
from training.processes import is_first, rank
from training.progress import say
from training.recording import recorded
from training.report.write import write_report
from training.run import Run, RunInfo, write_bytes, write_model
from training.starts import go_on, this_start
from training.tools import Tool
from training.tracking import check_tools, tracked
from training.weights import check_weights


@dataclass(frozen=True, slots=True)
class Request:
    """What to train: a recipe, on the data at ``data_path`` (None: downloaded), into ``output``.

    ``changes`` are those that ``--set`` made to the recipe, for the records; ``track`` has the tools that are told of
    every epoch; ``store`` holds the versions whose weights the recipe may begin with.
    """

    name: str
    recipe: Recipe
    data_path: Path | None
    output: Path
    resume: bool = False
    changes: tuple[str, ...] = ()
    track: tuple[Tool, ...] = ()
    store: Store | None = None


def train(request: Request) -> Run:
    """Train as asked and return the run, finished; of several processes the first finishes it.

    Raises RunExists when the output holds a run that has learned and ``resume`` is not set, RunUnusable when it is set
    and the run was made by another recipe or other data, RunBusy when another process trains there, and what the steps
    raise.
    """
    run = Run(request.output)
    if is_first():
        _take_up(request, run)
    if run.metrics_file.exists():
        if is_first():
            _leave(request, run)
        return run
    if not is_first():
        fit(request.recipe, _read(_open(request, run), request, run), run, store=request.store)
        return run
    check_tools(request.track)
    with sole(run.folder):
        try:
            _train(request, run)
        except OSError as error:
            error.filename = error.filename or str(run.folder)  # that of a full disk names no file
            raise
        finally:
            shutil.rmtree(run.cache, ignore_errors=True)
    return run


def _train(request: Request, run: Run) -> None:
    if not run.last.exists():
        check_weights(request.recipe, request.store)
    source = _open(request, run)
    parameters = count_parameters(request.recipe, len(source.labels))
    # Only now: a mistake in --set or --data is told at once, and leaves nothing behind.
    if request.resume and run.exists:
        go_on(run)
    else:
        run.begin(request.recipe, _info(request, parameters))
    with recorded(run, request.changes):
        data = _read(source, request, run)
        _keep_splits(run, data)
        counts = ", ".join(f"{data.count(split):,} {split}" for split in SPLITS)
        say(f"{data.record.source}: {len(data.labels)} classes; images: {counts}")
        _keep_check(request.recipe, data, run)
        with tracked(request.track, run) as tracker:
            fit(request.recipe, data, run, tracker.epoch, request.store)
            finish(request.recipe, data, run)
            say(f"report: {write_report(run)}")
            tracker.finish(run.metrics(), run)


def _open(request: Request, run: Run) -> Source:
    """The data that is asked for, else that of the run which goes on."""
    known = run.info().data_path if request.resume and run.exists else None
    return open_source(request.recipe.data, request.data_path or (None if known is None else Path(known)))


def _read(source: Source, request: Request, run: Run) -> Dataset:
    return load_dataset(source, request.recipe, run.cache / str(rank()))


def _take_up(request: Request, run: Run) -> None:
    """Make sure that the run may begin or go on; one that has not learned has nothing to lose, and may begin anew."""
    if request.data_path is not None and run.folder.resolve().is_relative_to(request.data_path.resolve()):
        raise RunUnusable(
            f"{run.folder} is inside of {request.data_path}, as a class would be: choose another --output"
        )
    if not request.resume:
        if run.has_learned:
            raise RunExists(f"{run.folder} holds a run already: go on with --resume, or choose another --output")
    elif not (run.exists or run.has_learned):
        say(f"{run.folder} holds no run to go on with: one begins")
    elif run.recipe() != request.recipe:
        anew = "" if run.has_learned else ", or begin anew without --resume"
        raise RunUnusable(
            f"{run.folder} was made by another recipe: resume it with the same one and the same --set{anew}"
        )


def _leave(request: Request, run: Run) -> None:
    """Say that the run is finished, but not to one who gives it other data than it had."""
    if request.data_path is not None:
        _refuse(visible_changes(run.splits(), _open(request, run), request.recipe.input), run)
    say(f"{run.folder} is finished already")
    if not run.report_file.exists():  # a kill came between them
        write_report(run)


def _info(request: Request, parameters: int) -> RunInfo:
    return RunInfo(
        recipe_name=request.name,
        data_path=None if request.data_path is None else str(request.data_path.resolve()),
        parameters=parameters,
        starts=(this_start(request.recipe.fit),),
    )


def _keep_check(recipe: Recipe, data: Dataset, run: Run) -> None:
    """Say what is wrong with the data before anything is learnt from it, and save what was found.

    A run that goes on has the data that it began with, or its splits would be others, and is not checked once more.
    """
    known = run.check()
    if known is not None:
        tell(known)
        return
    check = check_dataset(data, recipe)
    tell(check)
    sheet = contact_sheet(data.pixels, data.targets, data.splits.train, data.labels, recipe.seed)
    write_bytes(run.sheet_file, sheet)
    write_model(run.check_file, check)


def _keep_splits(run: Run, data: Dataset) -> None:
    """Save the splits, or make sure that they are those which the run began with."""
    if not run.splits_file.exists():
        write_model(run.splits_file, data.record)
    else:
        _refuse(run.splits().changes(data.record), run)


def _refuse(changes: Iterable[str], run: Run) -> None:
    """Raise RunUnusable where there are any."""
    if told := "; ".join(changes):
        raise RunUnusable(
            f"{run.folder}: the data has changed since the run began: {told}; give what it began with, or begin anew "
            "with another --output"
        )
