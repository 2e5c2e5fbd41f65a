import numpy as np
import pytest

from training.data.balance import balanced_rows, class_weights

TARGETS = np.repeat([0, 1, 3], [60, 30, 10])


def test_every_class_counts_the_same() -> None:
    weights = class_weights(TARGETS, 4)
    assert weights.dtype == np.float32
    assert (weights * np.bincount(TARGETS, minlength=4)).tolist() == pytest.approx([100 / 3, 100 / 3, 0, 100 / 3])
    assert weights[TARGETS].mean() == pytest.approx(1)


@pytest.mark.parametrize("count", [1, 2, 30, 100, 1000])
def test_classes_come_up_equally_often(count: int) -> None:
    rows = balanced_rows(TARGETS, count, np.random.default_rng(0))
    often = np.bincount(TARGETS[rows], minlength=4)
    assert len(rows) == count
    assert often[2] == 0
    assert often[[0, 1, 3]].max() - often[[0, 1, 3]].min() <= 1


def test_no_image_comes_twice_before_all_of_its_class_came_once() -> None:
    rows = balanced_rows(TARGETS, 60, np.random.default_rng(1))
    often = np.bincount(rows, minlength=100)
    assert often[:60].max() == 1
    assert often[60:90].max() == 1
    assert set(often[90:].tolist()) == {2}  # 20 draws of 10 images
    assert rows.tolist() != sorted(rows.tolist())
