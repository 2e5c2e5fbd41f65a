from pathlib import Path

import pytest

from benchmarks.serving.errors import BenchmarkFailed, RunMismatch
from benchmarks.serving.ledger import Ledger
from tests.benchmarks.serving.support import run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "serving.jsonl"


def test_what_is_measured_is_known_to_the_next_who_opens_the_run(path: Path) -> None:
    ledger = Ledger(path, run())
    ledger.note(0, "mid", "ours", "closed-1", {"rate": 3})
    ledger.note(0, "mid", "ours", "closed-8", {}, "it ended")
    ledger.choose("mid", "ours", {"one": 1.0, "two": 2.0})
    again = Ledger(path, run())
    assert again.has(0, "mid", "ours", "closed-1")
    assert not again.has(0, "mid", "ours", "closed-8")  # tried again
    assert not again.has(1, "mid", "ours", "closed-1")
    assert again.choice("mid", "ours") == "two"
    assert len(path.read_text().splitlines()) == 4  # the run itself is noted once
    assert Ledger(path, run("second")).choice("mid", "ours") is None


def test_a_line_that_was_cut_short_is_forgotten(path: Path) -> None:
    Ledger(path, run()).note(0, "mid", "ours", "closed-1", {"rate": 3})
    whole = path.read_text()
    path.write_text(f'{whole}{{"run": "first", "kind": "ce')
    again = Ledger(path, run())
    again.note(0, "mid", "ours", "closed-8", {"rate": 4})
    assert path.read_text().startswith(whole)
    assert len(path.read_text().splitlines()) == 3
    assert Ledger(path, run()).has(0, "mid", "ours", "closed-8")


def test_a_run_that_was_begun_otherwise_is_refused(path: Path) -> None:
    Ledger(path, run())
    with pytest.raises(RunMismatch, match=r"seconds = 10\.0, not 5\.0"):
        Ledger(path, run().model_copy(update={"seconds": 5.0}))


def test_the_peak_is_of_single_images_in_closed_loops(path: Path) -> None:
    ledger = Ledger(path, run())
    with pytest.raises(BenchmarkFailed, match="no closed loop was answered"):
        ledger.peak(0, "mid", "ours")
    for load, rate in (("closed-1", 3), ("closed-32", 5), ("batch-8", 9)):
        ledger.note(0, "mid", "ours", load, {"rate": rate})
    assert ledger.peak(0, "mid", "ours") == 5


def test_settings_that_all_fail_are_an_error(path: Path) -> None:
    with pytest.raises(BenchmarkFailed, match="none of its settings gave an answer: one"):
        Ledger(path, run()).choose("mid", "mosec", {"one": 0.0})
