from pathlib import Path

import pytest

from benchmarks.serving.errors import BenchmarkFailed
from benchmarks.serving.records import append, read
from benchmarks.serving.report import page, write
from tests.benchmarks.serving.support import lines, run


def test_the_page_of_a_results_file(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    for line in lines():
        append(results, line)
    text = page(read(results), "first")
    assert "| hardware | a processor, 2 cores, 8 GB; Linux 6.1 |" in text
    assert "| mid | 32 connections / best of the others | at least 1.15 | 1.3 | 1.2 to 1.5 | yes |" in text
    assert "| ours | 80 | - | 130 ±15% | - | - | - | 0.81 | 0.93 | 14 | 6 |" in text
    assert "| ours | 10 / 14 | - | 200 / 300 | - | - | - |" in text
    assert "| mosec | **two** | 110 |" in text
    assert "- mid, litserve, start, round 1: it ended with 1" in text
    assert "VGG16 at 224" not in text  # not measured


def test_the_last_run_is_told_where_there_is_none_of_that_name() -> None:
    assert "first" in page([run("first").model_copy(update={"command": "first"})], "other")
    with pytest.raises(BenchmarkFailed, match="nothing is measured yet"):
        page([], "other")


def test_what_is_written_by_hand_stays(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    write(lines(), "first", file)
    file.write_text(f"Before.\n{file.read_text()}After.\n")
    once = file.read_text()
    write(lines(), "first", file)
    assert file.read_text() == once
    assert once.startswith("Before.\n# Results\n")
    assert once.endswith("After.\n")


def test_a_page_without_marks_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "RESULTS.md"
    file.write_text("# Mine\n")
    with pytest.raises(BenchmarkFailed, match="has lost its marks"):
        write(lines(), "first", file)
    assert file.read_text() == "# Mine\n"
