"""From the best epoch's weights to what a version needs: calibrated, exported, proved, and measured once."""

from lightning.fabric import Fabric

from models.runtime import open_session
from training.answers import run_graph
from training.calibrate import calibrate
from training.config import Recipe
from training.data.dataset import Dataset
from training.data.splits import spread
from training.errors import RunUnusable
from training.export import Served, export
from training.fit import predict
from training.golden import choose_golden, write_golden
from training.network import Network, build_network
from training.parity import check_parity
from training.progress import say
from training.report.evidence import keep
from training.run import Run, best_epoch, load_checkpoint, write_model
from training.scores import score
from training.variants.make import Exported, make_variants

_PARITY_IMAGES = 64


def finish(recipe: Recipe, data: Dataset, run: Run) -> None:
    """Write graph, calibration, golden images and metrics of a fitted run.

    Temperature and thresholds come from the validation split, from logits in the float32 of the graph, whatever
    precision trained; the test split is looked at here, once, through the exported graph. Raises ExportMismatch when
    that graph is not the network, RunUnusable when the best checkpoint is not the one of the history.
    """
    network = best_network(recipe, data, run)
    logits = predict(Fabric(accelerator="cpu", devices=1, precision="32-true"), network, data, "validation")
    calibration = calibrate(logits, data.targets[data.splits.validation], recipe.decision)
    served = Served(network, calibration.temperature)
    export(served, recipe.input, run.graph)
    session = open_session(run.graph)
    difference = check_parity(served, session, data.pixels[spread(data.splits.validation, _PARITY_IMAGES)])
    say(f"exported: {run.graph.stat().st_size / 1e6:.1f} MB, at most {difference:.1g} from torch")
    probabilities, targets = run_graph(session, data.pixels, data.splits.test), data.targets[data.splits.test]
    metrics = score(probabilities, targets, data.labels, "test", calibration.temperature)
    write_model(run.calibration_file, calibration.measured(probabilities, targets, recipe.decision))
    write_golden(run.golden, choose_golden(data, probabilities, recipe.data.licence))
    keep(run, data, probabilities)
    make_variants(Exported(recipe, data, run, calibration, metrics))
    # Last: a run with metrics is a finished one.
    write_model(run.metrics_file, metrics)


def best_network(recipe: Recipe, data: Dataset, run: Run) -> Network:
    """The network of the best epoch."""
    checkpoint, best = load_checkpoint(run.best), best_epoch(run.history())
    if best is None or checkpoint["epoch"] != best.epoch:
        raise RunUnusable(f"{run.best} is of epoch {checkpoint['epoch']}, which is not the best of the history")
    network = build_network(recipe, len(data.labels))
    network.load_state_dict(checkpoint["network"])
    return network.eval()
