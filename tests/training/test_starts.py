from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from tests.training.report.support import START
from tests.training.support import tiny_recipe
from tests.training.test_run import row
from training.run import Run, RunInfo, write_lines
from training.settings import FitSettings
from training.starts import differences, go_on, this_start

BEFORE = START.model_copy(
    update={"git_commit": "0123456789abcdef", "packages": {"torch": "2.1"}, "hardware": "AMD, 2 cores", "epochs": 3}
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run, recipe = Run(tmp_path), tiny_recipe(tmp_path)
    run.begin(recipe, RunInfo(recipe_name="tiny", data_path=None, parameters=9, starts=(this_start(recipe.fit),)))
    return run


def test_a_start_says_what_trains() -> None:
    start = this_start(FitSettings(epochs=1, batch_size=2, precision="float32"), epochs=5)
    assert (start.processes, start.threads, start.epochs) == (1, torch.get_num_threads(), 5)
    assert start.precision == "32-true"
    assert start.packages["torch"] == torch.__version__
    assert start.at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"threads": 9, "epochs": 4, "packages": {"torch": "2.1", "onnx": "1"}}, []),
        ({"git_commit": "fedcba9876543210-dirty"}, ["commit fedcba9876-dirty in place of 0123456789"]),
        ({"git_commit": None}, ["commit not known in place of 0123456789"]),
        ({"packages": {"torch": "2.2"}}, ["torch 2.2 in place of 2.1"]),
        ({"precision": "bf16-mixed"}, ["precision bf16-mixed in place of 32-true"]),
        (
            {"hardware": "AMD, 1 of 2 cores", "processes": 2},
            ["AMD, 1 of 2 cores in place of AMD, 2 cores", "2 processes in place of 1"],
        ),
    ],
)
def test_what_may_change_the_result_is_told(changes: dict[str, object], told: list[str]) -> None:
    assert list(differences(BEFORE, BEFORE.model_copy(update=changes))) == told


def test_what_was_not_noted_is_not_compared() -> None:
    older = BEFORE.model_copy(update={"git_commit": None, "packages": {}})
    assert list(differences(older, BEFORE)) == []


def test_going_on_alike_is_noted_and_not_warned_of(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write_lines(run.metrics_log, [row(1), row(2)])
    first = run.info().first.model_copy(update={"git_commit": None})  # others may commit while this runs
    run.note(run.info().model_copy(update={"starts": (first,)}))
    go_on(run)
    assert [start.epochs for start in run.info().starts] == [0, 2]
    assert run.info().first == first
    assert capsys.readouterr().err == ""


def test_another_number_of_processes_makes_another_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    go_on(run)
    assert run.info().starts[-1].processes == 2
    told = capsys.readouterr().err
    assert "warning: going on with " in told
    assert "2 processes in place of 1: the result is not the one of an uninterrupted run" in told
    monkeypatch.setattr("training.environment.hardware", lambda: "an abacus")
    go_on(run)
    told = capsys.readouterr().err
    assert "an abacus in place of " in told
    assert "the result may not be the one of an uninterrupted run" in told
