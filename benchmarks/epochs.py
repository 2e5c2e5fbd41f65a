"""What choosing the epoch is worth: a run's best epoch, and its last, on validation and on test.

python -m benchmarks.epochs RUN_DIR DATA
"""

import argparse
from pathlib import Path

from lightning.fabric import Fabric

from training.calibrate import fit_temperature, log_losses
from training.data.dataset import load_dataset
from training.data.sources import open_source
from training.fit import predict
from training.network import build_network
from training.run import Run, load_checkpoint


def main() -> None:
    """Print accuracy and calibrated loss of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("data", type=Path, metavar="DATA")
    given = parser.parse_args()
    run, fabric = Run(given.run), Fabric(accelerator="cpu", devices=1)
    data = load_dataset(open_source(run.recipe().data, given.data), run.recipe())
    for name, checkpoint in (("best", load_checkpoint(run.best)), ("last", load_checkpoint(run.last))):
        network = build_network(run.recipe(), len(data.labels))
        network.load_state_dict(checkpoint["network"])
        logits = {split: predict(fabric, network, data, split) for split in ("validation", "test")}
        targets = {split: data.targets[data.splits[split]] for split in ("validation", "test")}
        temperature = fit_temperature(logits["validation"], targets["validation"])
        for split in ("validation", "test"):
            losses = log_losses(logits[split], targets[split], temperature)
            accuracy = (logits[split].argmax(axis=1) == targets[split]).mean()
            error = losses.std() / len(losses) ** 0.5
            print(
                f"{name}, epoch {checkpoint['epoch']}, {split}: {accuracy:.2%}, {losses.mean():.4f} +- {error:.4f} nats"
            )


if __name__ == "__main__":
    main()
