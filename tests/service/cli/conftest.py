"""The command line as a shell sees it: exit code, standard output, standard error."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from service.cli.main import main


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


Whatsit = Callable[..., Result]


@pytest.fixture
def whatsit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Whatsit:
    """Runs a command in this process."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["whatsit", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


def assert_failed(result: Result, code: int, reason: str) -> None:
    """One line that says why."""
    assert result.code == code, result
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert reason in result.err
