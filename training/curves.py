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
    """The overfitting crossover: the epoch of the least validation loss, where training loss fell on after it.

    There must be two later epochs or more, or it may be one noisy epoch, and at the end validation loss must be 1 %
    higher at least, or it is a plateau. It is the plain loss, which overfitting raises by answers that are too sure.
    """
    if len(history) <= _LEAST_EPOCHS:
        return None
    place = min(range(len(history)), key=lambda place: history[place].validation_loss)
    here, later = history[place], history[place + 1 :]
    if len(later) < _LEAST_EPOCHS or later[-1].train_loss >= here.train_loss:
        return None
    rise = later[-1].validation_loss / here.validation_loss - 1 if here.validation_loss else 0.0
    fall = 1 - later[-1].train_loss / here.train_loss
    return Crossover(here.epoch, rise, fall) if rise >= _LEAST_RISE else None
