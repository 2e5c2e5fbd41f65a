"""What a training run must keep to go on after a kill, and the way there and back."""

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from lightning.fabric.plugins import Precision
from torch.optim.swa_utils import AveragedModel

from training.errors import RunUnusable
from training.network import Network
from training.run import EpochMetrics, Run, best_epoch, load_checkpoint, save_checkpoint, write_lines


@dataclass
class State:
    """Everything that an epoch changes.

    ``average`` is the running average of the weights, where the recipe wants one; ``precision`` has the scale of
    gradients in float16; ``taken`` names the parameters that were not drawn at random.
    """

    network: Network
    optimizer: torch.optim.Optimizer
    precision: Precision
    average: AveragedModel | None
    taken: frozenset[str] = frozenset()
    history: list[EpochMetrics] = field(default_factory=list)

    @property
    def answering(self) -> Network:
        """The network that is validated and exported: the average, where there is one."""
        return self.network if self.average is None else cast(Network, self.average.module)

    def save(self, run: Run) -> None:
        """Write the checkpoints of the epoch just finished; the last first: it can stand in for a best one."""
        content: dict[str, Any] = {
            "trained": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.precision.state_dict(),
            "averaged": None if self.average is None else int(self.average.n_averaged),
            "taken": sorted(self.taken),
            "history": [row.model_dump() for row in self.history],
        }
        save_checkpoint(run.last, self._weights() | content)
        self._save_best(run)
        write_lines(run.metrics_log, self.history)

    def load(self, content: dict[str, Any]) -> None:
        """Go back to the last finished epoch; the optimizer must have been built for its ``taken``."""
        self.network.load_state_dict(content["trained"])
        if self.average is not None:
            self.answering.load_state_dict(content["network"])
            self.average.n_averaged.fill_(content["averaged"])
        self.optimizer.load_state_dict(content["optimizer"])
        if content["precision"]:
            self.precision.load_state_dict(content["precision"])
        self.history = [EpochMetrics.model_validate(row) for row in content["history"]]

    def mend(self, run: Run) -> None:
        """Write the best checkpoint and the log where a kill came between them and the last one."""
        self._save_best(run)
        write_lines(run.metrics_log, self.history)

    def _save_best(self, run: Run) -> None:
        if best_epoch(self.history) is self.history[-1]:
            save_checkpoint(run.best, self._weights())

    def _weights(self) -> dict[str, Any]:
        return {"network": self.answering.state_dict(), "epoch": len(self.history)}


def load_last(run: Run) -> dict[str, Any] | None:
    """The content of the last checkpoint, None before the first; raises RunUnusable for one of an older version."""
    if not run.last.exists():
        return None
    content = load_checkpoint(run.last)
    if "trained" not in content:
        raise RunUnusable(f"{run.last} was written by an older version: begin again, with another --output")
    return content
