from collections.abc import Sequence

import pytest

from training.curves import crossover
from training.run import EpochMetrics


def history(train: Sequence[float], validation: Sequence[float], error: float = 0.01) -> list[EpochMetrics]:
    return [
        EpochMetrics(
            epoch=number,
            learning_rate=0.1,
            train_loss=loss,
            train_accuracy=0.5,
            validation_loss=validation_loss,
            calibrated_loss=validation_loss,
            loss_error=error,
            validation_accuracy=0.5,
            seconds=1,
        )
        for number, (loss, validation_loss) in enumerate(zip(train, validation, strict=True), 1)
    ]


FALLING = (1.0, 0.8, 0.6, 0.4, 0.3, 0.2)


def test_it_is_where_validation_turns_while_training_goes_on() -> None:
    found = crossover(history(FALLING, (1.0, 0.7, 0.5, 0.6, 0.7, 0.8)))
    assert found is not None
    assert (found.epoch, found.rise, found.fall) == (3, pytest.approx(0.6), pytest.approx(1 - 0.2 / 0.6))


def test_a_noisy_epoch_does_not_hide_it() -> None:
    found = crossover(history(FALLING, (1.0, 0.5, 0.9, 0.6, 0.8, 0.7)))
    assert found is not None
    assert found.epoch == 2


def test_it_is_not_later_where_training_rose_for_an_epoch() -> None:
    found = crossover(history((1.0, 0.6, 0.50, 0.51, 0.49, 0.45), (1.0, 0.6, 0.5, 0.8, 1.2, 2.0)))
    assert found is not None
    assert (found.epoch, found.rise) == (3, pytest.approx(3))


def test_what_few_images_may_show_by_chance_is_none() -> None:
    losses = (1.0, 0.7, 0.5, 0.6, 0.7, 0.6)
    assert crossover(history(FALLING, losses, error=0.06)) is None
    assert crossover(history(FALLING, losses, error=0.04)) is not None


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        pytest.param(FALLING, (1.0, 0.9, 0.8, 0.7, 0.6, 0.5), id="still learning"),
        pytest.param(FALLING, (1.0, 0.7, 0.5, 0.502, 0.503, 0.504), id="a plateau"),
        pytest.param(FALLING, (1.0, 0.7, 0.6, 0.5, 0.4, 0.9), id="one epoch proves nothing"),
        pytest.param(FALLING, (1.0, 0.5, 0.9, 0.9, 0.9, 0.4), id="it comes back"),
        pytest.param((1.0, 0.5, 0.6, 0.7, 0.8, 0.9), (1.0, 0.5, 0.6, 0.7, 0.8, 0.9), id="training rises too"),
        pytest.param((), (), id="no epochs"),
        pytest.param((1.0, 0.5), (0.5, 1.0), id="too few epochs"),
    ],
)
def test_there_is_none(train: Sequence[float], validation: Sequence[float]) -> None:
    assert crossover(history(train, validation)) is None
