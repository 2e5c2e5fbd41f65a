import signal
from pathlib import Path

import pytest

from benchmarks.serving import __main__ as command
from benchmarks.serving.records import append
from tests.benchmarks.serving.support import lines


@pytest.fixture(autouse=True)
def signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", ["serving", *map(str, arguments)])
    command.main()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("measure", "--works", "large"), "there is no work 'large': small, mid, vgg16, shipped"),
        (("measure", "--works", "shipped", "--servers", "nobody"), "there is no server 'nobody': limit-run, "),
        (("measure", "--works", "shipped", "--ours", "mine="), "has to begin with 'ours'"),
        (("measure", "--works", "shipped", "--peers-python", "/no/python"), "make .venv-bench/peers"),
        (("report", "--results", "/no/results"), "nothing is measured yet"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    arguments: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "find_wrk", lambda: "wrk")
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, *arguments)
    assert str(end.value).startswith("error: ")
    assert reason in str(end.value)


def test_other_results_are_told_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in lines():
        append(tmp_path / "results.jsonl", line)
    run(monkeypatch, "report", "--results", tmp_path / "results.jsonl")
    assert "## What was wanted" in capsys.readouterr().out
