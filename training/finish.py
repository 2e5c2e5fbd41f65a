"""From the best epoch's weights to what a version needs: calibrated, exported, proved, and measured once."""

import numpy as np

from models.postprocess import Probabilities
from models.preprocess import Pixels
from models.runtime import Session, open_session
from training.calibrate import calibrate
from training.config import Recipe
from training.data.dataset import Dataset
from training.data.splits import Indices
from training.export import Served, export
from training.fit import make_fabric, predict
from training.golden import choose_golden, write_golden
from training.network import Network, build_network
from training.parity import check_parity
from training.progress import bar, say
from training.run import Run, load_checkpoint, write_model
from training.scores import score

_BATCH = 256
_PARITY_IMAGES = 64


def finish(recipe: Recipe, data: Dataset, run: Run) -> None:
    """Write graph, calibration, golden images and metrics of a fitted run.

    Temperature and threshold come from the validation split; the test split is looked at here, once, through the
    exported graph. Raises ExportMismatch when that graph is not the network.
    """
    network = best_network(recipe, data, run)
    fabric = make_fabric(recipe)
    logits = predict(fabric, fabric.setup_module(network), data, "validation")
    calibration = calibrate(logits, data.targets[data.splits.validation], recipe.decision.accuracy)
    served = Served(network.cpu(), calibration.temperature)
    export(served, recipe.input, run.graph)
    session = open_session(run.graph)
    difference = check_parity(served, session, data.pixels[data.splits.validation[:_PARITY_IMAGES]])
    say(f"exported: {run.graph.stat().st_size / 1e6:.1f} MB, at most {difference:.1g} from torch")
    write_model(run.calibration_file, calibration)
    probabilities = run_graph(session, data.pixels, data.splits.test)
    write_golden(run.golden, choose_golden(data, probabilities, recipe.data.licence))
    # Last: a run with metrics is a finished one.
    write_model(run.metrics_file, score(probabilities, data.targets[data.splits.test], data.labels, "test"))


def best_network(recipe: Recipe, data: Dataset, run: Run) -> Network:
    """The network of the epoch of the least validation loss."""
    network = build_network(recipe, len(data.labels))
    network.load_state_dict(load_checkpoint(run.best)["network"])
    return network.eval()


def run_graph(session: Session, pixels: Pixels, rows: Indices) -> Probabilities:
    """Probabilities float32 ``[rows, classes]`` of the ``rows`` of ``pixels``, in batches."""
    starts = range(0, len(rows), _BATCH)
    parts = (session.run(pixels[rows[start : start + _BATCH]]) for start in starts)
    return np.concatenate(list(bar(parts, "evaluating", len(starts))))
