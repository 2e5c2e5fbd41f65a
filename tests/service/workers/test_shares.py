"""How many workers there are, and what each of them gets."""

from pathlib import Path
from typing import Any

import pytest

from service.cores import usable_cores
from service.settings import Settings
from service.workers.shares import shares_of

# This machine may have one core, or onnxruntime for CUDA.
CPU = {"device": "cpu"}


def test_one_alone_gets_what_is_set() -> None:
    settings = Settings(workers=1)
    shares = shares_of(settings)
    assert (shares.workers, shares.settings) == (1, settings)


def test_nobody_saying_how_many_there_are_as_many_as_the_default_model_is_worth(
    monkeypatch: pytest.MonkeyPatch, colours_root: Path
) -> None:
    monkeypatch.setattr("service.workers.number.usable_cores", lambda: 4)
    shares = shares_of(Settings(store=colours_root, default_model="tiny", **CPU))
    assert shares.workers == 4


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        ({"device": "cpu"}, False),
        ({"device": "cpu", "engine": "shared"}, True),
        ({"device": "cuda"}, True),
        ({"device": "cuda", "workers": 1}, False),
        ({"device": "cuda", "engine": "own"}, False),
        ({"device": "cpu", "workers": 1, "engine": "shared"}, True),
    ],
)
def test_several_workers_share_one_engine_on_a_gpu_and_where_that_is_wanted(
    changes: dict[str, Any], shared: bool
) -> None:
    settings = Settings(**({"workers": 3} | changes))
    shares = shares_of(settings)
    assert (shares.shared, shares.all) == (shared, settings)


def test_what_is_for_all_is_shared_out_and_rounded_up() -> None:
    each = shares_of(
        Settings(
            **{"workers": 3, "queue_capacity": 100, "cache_bytes": 200, "max_batch_bytes": 10},
            **{"max_decoding_bytes": 1000, "max_bodies_bytes": 1000},
        )
    ).settings
    assert (each.queue_capacity, each.cache_bytes) == (34, 67)
    assert (each.max_decoding_bytes, each.max_bodies_bytes) == (334, 334)


def test_each_has_room_for_the_largest_batch() -> None:
    each = shares_of(Settings(workers=100)).settings
    assert each.max_bodies_bytes == each.max_batch_bytes


def test_runs_of_all_together_are_one_a_core() -> None:
    cores = usable_cores()
    assert shares_of(Settings(workers=cores + 1, **CPU)).settings.lanes == 1
    assert shares_of(Settings(workers=2, **CPU)).settings.lanes == max(1, cores // 2)
    assert shares_of(Settings(workers=2, threads=cores, **CPU)).settings.lanes == 1


def test_what_was_asked_for_one_process_is_kept() -> None:
    each = shares_of(Settings(workers=4, lanes=3, threads=2, decode_threads=1)).settings
    assert (each.lanes, each.threads, each.decode_threads) == (3, 2, 1)
