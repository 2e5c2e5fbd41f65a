import numpy as np
import torch

from training.seed import generator, seed_everything, stream


def test_streams_are_the_same_everywhere_and_differ_by_purpose() -> None:
    assert stream(1, "epoch", 0) == 1833563246
    assert len({stream(seed, "epoch", epoch) for seed in range(20) for epoch in range(50)}) == 1000


def test_generators_repeat_themselves() -> None:
    assert (generator(1, "a").random(5) == generator(1, "a").random(5)).all()
    assert (generator(1, "a").random(5) != generator(1, "b").random(5)).any()


def test_seeding_everything_seeds_torch_and_numpy() -> None:
    drawn = []
    for _ in range(2):
        seed_everything(4, "epoch", 1)
        drawn.append((torch.rand(3), np.random.random(3)))
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert (drawn[0][1] == drawn[1][1]).all()
