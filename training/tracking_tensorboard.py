"""A run in TensorBoard: ``tensorboard --logdir runs`` shows all of them."""

import shutil

from torch.utils.tensorboard import SummaryWriter

from models.manifest import Metrics
from training.run import EpochMetrics, Run
from training.tracking import final_numbers, flatten


class TensorBoard:
    """Writes into the folder ``tensorboard`` of the run; what was there of it is written anew."""

    def __init__(self, run: Run) -> None:
        folder = run.folder / "tensorboard"
        shutil.rmtree(folder, ignore_errors=True)  # a run that goes on is told whole, so that no epoch is there twice
        self._writer = SummaryWriter(folder)
        text = run.recipe().model_dump_json(indent=2, exclude_defaults=True)
        self._writer.add_text("recipe", f"```\n{text}\n```")

    def epoch(self, row: EpochMetrics) -> None:
        """Losses together in one chart, accuracies in another, by epoch."""
        for name, value in row.model_dump(exclude={"epoch"}).items():
            split, joined, what = name.partition("_")
            tag = f"{what}/{split}" if joined and split in {"train", "validation"} else name
            self._writer.add_scalar(tag, value, row.epoch)
        self._writer.flush()

    def finish(self, metrics: Metrics, run: Run) -> None:
        """The recipe's values beside what they reached, in the table of hyperparameters."""
        self._writer.add_hparams(flatten(run.recipe()), final_numbers(metrics), run_name=".")

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
