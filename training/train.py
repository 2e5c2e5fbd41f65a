"""A whole training run: recipe, data, fit, and everything that a version needs besides a name."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from training import environment
from training.config import Recipe
from training.data.dataset import Dataset, load_dataset
from training.data.samples import SPLITS
from training.data.sources import open_source
from training.errors import RunExists, RunUnusable
from training.finish import finish
from training.fit import fit
from training.progress import say
from training.run import Run, RunInfo, write_model


@dataclass(frozen=True, slots=True)
class Request:
    """What to train: a recipe, on the data at ``data_path`` (None: downloaded), into ``output``."""

    name: str
    recipe: Recipe
    data_path: Path | None
    output: Path
    resume: bool = False


def train(request: Request) -> Run:
    """Train as asked and return the finished run.

    Raises RunExists when the output holds a run and ``resume`` is not set, RunUnusable when it is set and the run
    was made by another recipe or other data, and what the steps raise.
    """
    run = Run(request.output)
    resumed = _take_up(request, run)
    if run.metrics_file.exists():
        say(f"{run.folder} is finished already")
        return run
    path = request.data_path or resumed
    data = load_dataset(open_source(request.recipe.data, path), request.recipe, run.cache)
    # Only now: a mistake in --data must not leave a run behind that is in the way of the next try.
    if not run.exists:
        run.begin(request.recipe, _info(request))
    _keep_splits(run, data)
    counts = ", ".join(f"{data.count(split):,} {split}" for split in SPLITS)
    say(f"{data.record.source}: {len(data.labels)} classes; images: {counts}")
    fit(request.recipe, data, run)
    finish(request.recipe, data, run)
    shutil.rmtree(run.cache, ignore_errors=True)
    return run


def _take_up(request: Request, run: Run) -> Path | None:
    """Make sure that the run may begin or go on; returns where the data of one that goes on was."""
    if not run.exists:
        return None
    if not request.resume:
        raise RunExists(f"{run.folder} holds a run already: go on with --resume, or choose another --output")
    if run.recipe() != request.recipe:
        raise RunUnusable(f"{run.folder} was made by another recipe; resume it with the same one and the same --set")
    recorded = run.info().data_path
    return None if recorded is None else Path(recorded)


def _info(request: Request) -> RunInfo:
    return RunInfo(
        recipe_name=request.name,
        data_path=None if request.data_path is None else str(request.data_path.resolve()),
        git_commit=environment.git_commit(),
        packages=environment.packages(),
        hardware=environment.hardware(),
    )


def _keep_splits(run: Run, data: Dataset) -> None:
    """Save the splits, or make sure that they are those which the run began with."""
    if not run.splits_file.exists():
        write_model(run.splits_file, data.record)
    elif run.splits() != data.record:
        raise RunUnusable(f"{run.folder}: the data has changed since the run began")
