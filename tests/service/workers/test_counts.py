"""Counts of several processes as one: here each is a Metrics of its own on the same board."""

import pytest

from service.observability.metrics import Metrics
from service.workers.block import Block
from service.workers.board import Board, Slot
from service.workers.counts import SharedCounts

IMAGES = {"model": "tiny", "version": "1", "outcome": "ok"}


def metrics_at(slot: Slot) -> Metrics:
    """Those of a process that was started there."""
    slot.occupy()
    metrics = Metrics(SharedCounts(slot))
    metrics.watch("whatsit_permits", "Permits.", lambda: 10)
    metrics.watch_engines(lambda: [("tiny", "1", "fp32", "cpu")])
    metrics.inherit()
    return metrics


def images(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("whatsit_images_total", IMAGES)


def test_who_is_asked_tells_the_sum_of_all() -> None:
    one, other = map(metrics_at, Board(["worker", "worker"]).slots)
    for metrics in (one, other, other):
        metrics.images.add("tiny", "1", "ok")
        metrics.stages.observe(0.003, "decode", "tiny", "1")
    one.show()
    assert images(other) == images(one) == 3
    decoded = {"stage": "decode", "model": "tiny", "version": "1"}
    assert one.registry.get_sample_value("whatsit_stage_seconds_bucket", {**decoded, "le": "0.005"}) == 3
    assert one.registry.get_sample_value("whatsit_stage_seconds_sum", decoded) == pytest.approx(0.009)
    assert one.registry.get_sample_value("whatsit_permits") == 20
    assert one.text().count(b'whatsit_engine_info{device="cpu",model="tiny"') == 1


def test_of_what_happened_last_the_latest_time_is_told() -> None:
    board = Board(["worker", "worker"])
    one, other = map(metrics_at, board.slots)
    one.answered.set(5.0, "tiny", "1")
    other.answered.set(3.0, "tiny", "1")
    one.show()
    labels = {"model": "tiny", "version": "1"}
    assert other.registry.get_sample_value("whatsit_answered_timestamp_seconds", labels) == 5
    board.slots[0].leave()
    assert other.registry.get_sample_value("whatsit_answered_timestamp_seconds", labels) == 5, (
        "though its process is gone"
    )
    assert metrics_at(board.slots[0]).answered.numbers == one.answered.numbers


def test_the_sum_never_falls_whoever_is_asked() -> None:
    one, other = map(metrics_at, Board(["worker", "worker"]).slots)
    told = 0.0
    for _ in range(5):
        for metrics in (one, other):
            metrics.images.add("tiny", "1", "ok")
            now = images(metrics) or 0  # what the other has counted since it was asked last is not in it
            assert now > told
            told = now


def test_a_successor_counts_on_and_what_the_dead_held_is_free() -> None:
    board = Board(["worker", "worker"])
    one, other = map(metrics_at, board.slots)
    one.images.add("tiny", "1", "ok")
    one.show()
    board.slots[0].leave()
    assert images(other) == 1
    assert other.registry.get_sample_value("whatsit_permits") == 10
    successor = metrics_at(board.slots[0])
    assert images(other) == 1
    successor.images.add("tiny", "1", "ok")
    assert images(successor) == images(other) == 2
    assert other.registry.get_sample_value("whatsit_permits") == 20


def test_counts_that_grow_too_many_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    one, other = map(metrics_at, Board(["worker", "worker"]).slots)
    one.images.add("tiny", "1", "ok")
    one.show()
    for number in range(Block.LARGEST // 20):
        one.images.add("tiny", str(number), "failed")
    one.show()
    one.show()
    assert images(other) == 1, "the last that fitted"
    assert len([record for record in caplog.records if "too many to be shared" in record.message]) == 1
