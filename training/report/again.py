"""Evidence for a run that was finished before runs kept any: the test split goes through its graphs once more."""

import shutil
from pathlib import Path

from models.layout import graph_file
from models.runtime import open_session
from training.answers import run_graph
from training.data.dataset import load_dataset
from training.data.sources import open_source
from training.errors import RunUnusable
from training.report.evidence import keep
from training.run import Run
from training.variants.choose import graphs_of


def keep_again(run: Run, data_path: Path | None) -> None:
    """Save the evidence of a finished ``run`` from its data; None is where the data was when it trained.

    Raises RunUnusable when the run is not finished or the data is not what it was trained on.
    """
    run.metrics()  # refuses a run that is not finished
    recipe, recorded = run.recipe(), run.info().data_path
    path = data_path or (None if recorded is None else Path(recorded))
    try:
        data = load_dataset(open_source(recipe.data, path), recipe, run.cache)
        if data.record.fingerprints != run.splits().fingerprints:
            raise RunUnusable(f"{run.folder}: {data.record.source} is not the data that it was trained on")
        for precision in graphs_of(run):
            session = open_session(run.folder / graph_file(precision))
            keep(run, data, run_graph(session, data.pixels, data.splits.test), precision)
    finally:
        shutil.rmtree(run.cache, ignore_errors=True)
