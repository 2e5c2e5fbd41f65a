"""What the learning curves say: where validation was best, and where it turned."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.run import EpochMetrics

# The generalisation loss of Prechelt (1998, "Early stopping - but when?"), 100 times this, from which a rise counts.
_LEAST_RISE = 0.01
_LEAST_EPOCHS = 2


@dataclass(frozen=True, slots=True)
class Crossover:
    """The epoch at which learning became learning by heart.

    ``rise`` is by what fraction of its value there validation loss is higher at the end, ``fall`` by what fraction
    training loss is lower.
    """

    epoch: int
    rise: float
    fall: float


def crossover(history: Sequence[EpochMetrics]) -> Crossover | None:
    """The overfitting crossover: after this epoch validation loss is only higher, and training loss only lower.

    The first such epoch counts. Every later one, and there must be two or more, is compared with it rather than with
    the one before: a single noisy epoch neither makes a crossover nor hides one. At the end validation loss must be
    1 % higher at least, or it is a plateau. None where there is no such epoch.
    """
    for place, here in enumerate(history[:-_LEAST_EPOCHS]):
        later = history[place + 1 :]
        turned = all(row.validation_loss > here.validation_loss and row.train_loss < here.train_loss for row in later)
        found = Crossover(
            here.epoch,
            rise=later[-1].validation_loss / here.validation_loss - 1 if here.validation_loss else 0.0,
            fall=1 - later[-1].train_loss / here.train_loss if here.train_loss else 0.0,
        )
        if turned and found.rise >= _LEAST_RISE:
            return found
    return None
