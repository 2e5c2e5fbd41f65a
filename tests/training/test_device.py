from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tests.training.together import together
from training.device import choose_precision, compiled, make_fabric, normalise_together, part
from training.settings import FitSettings


def settings(**changes: object) -> FitSettings:
    return FitSettings.model_validate({"epochs": 1, "batch_size": 2} | changes)


@pytest.mark.parametrize(
    ("able", "precision"),
    [
        ({"avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
        ({"avx2": True}, "32-true"),
        ({}, "32-true"),
    ],
)
def test_mixed_precision_is_for_processors_that_have_it(
    able: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert choose_precision(settings()) == precision
    assert choose_precision(settings(precision="float32")) == "32-true"


def test_the_chosen_precision_is_what_computes() -> None:
    with make_fabric(settings()).autocast():
        answer = nn.Linear(4, 4)(torch.ones(1, 4))
    assert answer.dtype == (torch.bfloat16 if choose_precision(settings()) == "bf16-mixed" else torch.float32)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own, while it imports its compiler
def test_it_compiles_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Linear(2, 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert compiled(network, settings()) is network
    assert compiled(network, settings(compile="off")) is network
    assert type(compiled(network, settings(compile="on"))).__name__ == "OptimizedModule"


def test_on_cuda_batch_norms_see_the_whole_batch() -> None:
    norm, images = nn.BatchNorm2d(3), torch.rand(4, 3, 5, 5)
    norm(images)
    network = nn.Sequential(norm, nn.ReLU())
    before, names = network.eval()(images), list(network.state_dict())
    alone, cpu, gpu = (
        SimpleNamespace(world_size=size, device=torch.device(kind))
        for size, kind in ((1, "cuda"), (2, "cpu"), (2, "cuda"))
    )
    for fabric in (alone, cpu):
        normalise_together(network, fabric, 64)
        assert network[0] is norm
    normalise_together(network, gpu, 64)
    assert isinstance(network[0], nn.SyncBatchNorm)
    assert network[0].weight is norm.weight  # what an optimizer holds
    assert list(network.state_dict()) == names
    assert torch.equal(network(images), before)


def patience() -> timedelta:
    make_fabric(settings())
    backend = torch.distributed.group.WORLD._get_backend(torch.device("cpu"))  # noqa: SLF001 - nothing else tells
    part()
    waits: timedelta = backend.options._timeout  # noqa: SLF001
    return waits


def test_processes_wait_for_one_that_checks_the_data_for_hours() -> None:
    assert min(together(patience)) > timedelta(hours=12)
