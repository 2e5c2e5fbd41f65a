"""How many times as fast one graph is as another."""

import pytest

from models.manifest import InputSpec
from models.runtime import open_session
from tests.training.variants.conftest import Exporter
from training.variants import speed
from training.variants.speed import speed_up

SPEC = InputSpec(height=16, width=16)


def test_a_graph_that_computes_a_hundred_times_as_much_is_slower(
    exported: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "_SECONDS", 0.05)
    small = open_session(exported(), threads=1)
    large = open_session(exported("architecture.blocks=[{channels=128, convolutions=3}]"), threads=1)
    assert speed_up(large, small, SPEC) > 1 > speed_up(small, large, SPEC)


def test_the_batch_that_gains_least_is_the_one_that_counts(exported: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    ratios = {1: 3.5, 32: 2.5}
    monkeypatch.setattr(speed, "_ratio", lambda reference, variant, pixels: ratios[len(pixels)])
    session = open_session(exported())
    assert speed_up(session, session, SPEC) == 2.5
