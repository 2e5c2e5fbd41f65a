from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from training.records import LOG, Facts, Record, append, read


def record(run: str, **facts: object) -> Record:
    began = datetime(2026, 11, 21, tzinfo=UTC)
    known = Facts.model_validate(
        {
            "run": run,
            "began": began,
            "recipe": "tiny",
            "data": "drawings",
            "data_path": None,
            "fingerprint": "f" * 64,
            "seed": 3,
            "parameters": 10,
            "hardware": "none",
            "git_commit": None,
            "epochs": 1,
            "planned_epochs": 2,
            "seconds": 0.5,
        }
        | facts
    )
    return Record(state="started", at=began, changes=("seed=3",), facts=known)


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    first, second = record("a", test_accuracy=0.5, test_interval=(0.4, 0.6)), record("b")
    append(tmp_path, first)
    append(tmp_path, second)
    assert read(tmp_path) == [first, second]
    assert (tmp_path / LOG).read_text().count("\n") == 2


def test_many_writers_at_once_lose_no_line(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append(tmp_path, record(f"run{number}")), range(100)))
    assert {entry.facts.run for entry in read(tmp_path)} == {f"run{number}" for number in range(100)}


def test_half_a_line_of_one_who_died_is_written_over(tmp_path: Path) -> None:
    append(tmp_path, record("a"))
    with (tmp_path / LOG).open("a") as file:
        file.write('{"state": "star')
    assert [entry.facts.run for entry in read(tmp_path)] == ["a"]
    append(tmp_path, record("b"))
    assert [entry.facts.run for entry in read(tmp_path)] == ["a", "b"]


def test_a_line_that_is_no_record_is_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(tmp_path, record("a"))
    with (tmp_path / LOG).open("a") as file:
        file.write('{"state": "lost"}\n')
    append(tmp_path, record("b"))
    assert [entry.facts.run for entry in read(tmp_path)] == ["a", "b"]
    told = capsys.readouterr().err
    assert f"left out: line 2 of {tmp_path / LOG} is damaged: state: Input should be 'started'" in told
