import torch

from training.data.draws import around, on_device, signs, uniform


def test_numbers_fill_their_range() -> None:
    torch.manual_seed(0)
    drawn = uniform(1000, 2, 3)
    assert 2 <= drawn.min() < 2.01
    assert 2.99 < drawn.max() <= 3
    drawn = around(1000, 1, 0.25)
    assert 0.75 <= drawn.min() < 0.76
    assert 1.24 < drawn.max() <= 1.25
    assert torch.equal(around(3, 1, 0), torch.ones(3))


def test_signs_are_both_equally_often() -> None:
    torch.manual_seed(0)
    drawn = signs(1000)
    assert set(drawn.tolist()) == {-1.0, 1.0}
    assert abs(drawn.sum()) < 100


def test_what_is_drawn_for_the_cpu_stays_as_it_is() -> None:
    drawn = uniform(3, 0, 1)
    assert on_device(drawn, torch.device("cpu")) is drawn
