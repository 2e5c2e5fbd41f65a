from pathlib import Path

import pytest

from tests.training.support import tiny_recipe
from training.network import build_network
from training.optimizer import build_optimizer, learning_rate_factor
from training.settings import OptimizerSettings, ScheduleSettings


def test_vectors_are_not_decayed_and_the_stem_is_not_trained(tmp_path: Path) -> None:
    network = build_network(tiny_recipe(tmp_path), 3)
    for name in ("sgd", "adam", "adamw"):
        optimizer = build_optimizer(OptimizerSettings(name=name, learning_rate=0.1, weight_decay=0.5), network)
        matrices, vectors = optimizer.param_groups
        assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.5, 0)
        assert all(parameter.ndim <= 1 for parameter in vectors["params"])
        assert len(matrices["params"]) + len(vectors["params"]) == len(list(network.parameters())) - 1


def test_the_learning_rate_rises_and_falls() -> None:
    one_cycle = ScheduleSettings(name="one-cycle", warmup=0.2, start=0.1, end=0.01)
    course = [learning_rate_factor(one_cycle, step, 101) for step in range(101)]
    assert course[0] == pytest.approx(0.1)
    assert max(course) == pytest.approx(1, abs=0.02)
    assert course[-1] == pytest.approx(0.01)
    assert course.index(max(course)) in (20, 21)
    cosine = ScheduleSettings(name="cosine", warmup=0, end=0)
    assert learning_rate_factor(cosine, 50, 101) == pytest.approx(0.5)
    assert learning_rate_factor(ScheduleSettings(name="constant"), 3, 10) == 1
    assert learning_rate_factor(ScheduleSettings(warmup=0.5), 0, 1) == pytest.approx(0.1)  # a run of one step


def test_what_was_trained_before_learns_at_a_lower_rate(tmp_path: Path) -> None:
    network = build_network(tiny_recipe(tmp_path), 3)
    first = next(name for name, parameter in network.named_parameters() if parameter.requires_grad)
    taken = {first, first.replace("weight", "bias")}
    optimizer = build_optimizer(OptimizerSettings(name="sgd", learning_rate=0.4), network, taken, rate=0.25)
    rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert rates[id(parameter)] == (0.1 if name in taken else 0.4)
