import numpy as np
import pytest

from training.batches import count_steps, epoch_batches, share
from training.data.splits import Indices
from training.settings import FitSettings

TARGETS = np.repeat([0, 1], [90, 10])


def batches(epoch: int = 0, **settings: object) -> list[Indices]:
    chosen = FitSettings.model_validate({"epochs": 2, "batch_size": 16} | settings)
    return list(epoch_batches(chosen, TARGETS, 7, epoch))


@pytest.mark.parametrize(
    ("images", "batch_size", "steps"),
    [
        (1, 2, 1),
        (2, 2, 1),
        (3, 2, 1),
        (64, 64, 1),
        (65, 64, 2),
        (127, 64, 2),
        (128, 64, 2),
        (7, 3, 3),
        (48_000, 500, 96),
    ],
)
def test_batches_are_even_and_none_is_of_one_image(images: int, batch_size: int, steps: int) -> None:
    assert count_steps(images, batch_size) == steps
    assert images // steps >= min(2, images)


def test_several_processes_have_two_images_each() -> None:
    assert count_steps(64, 2) == 32
    assert count_steps(64, 2, processes=4) == 8


def test_every_image_comes_once_an_epoch_in_an_order_of_its_own() -> None:
    first, second = (np.concatenate(batches(epoch)) for epoch in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(100))
    assert first.tolist() != second.tolist()
    assert first.tolist() == np.concatenate(batches(0)).tolist()


def test_an_epoch_of_steps_may_show_images_more_than_once_or_not_at_all() -> None:
    long, short = batches(steps=20), batches(steps=2)
    assert [len(batch) for batch in long] == [16] * 20
    assert np.bincount(np.concatenate(long)).min() >= 3  # 320 places for 100 images
    assert len(np.unique(np.concatenate(short))) == 32


def test_sampling_shows_the_classes_equally_often() -> None:
    rows = np.concatenate(batches(balance="sampling"))
    assert np.bincount(TARGETS[rows]).tolist() == [50, 50]


def test_a_batch_is_shared_out_whole() -> None:
    rows = np.arange(7)
    assert [share(rows, process, 3).tolist() for process in range(3)] == [[0, 1, 2], [3, 4], [5, 6]]
