import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from training import cli
from training.errors import RunUnusable
from training.run import Run

app = typer.Typer()
cli.register(app)


def invoke(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    return result.exit_code, result.stdout


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A finished run to change."""
    shutil.copytree(finished.folder, tmp_path / "run")
    return Run(tmp_path / "run")


def test_training_leaves_a_report_and_it_can_be_written_again(finished: Run, run: Run) -> None:
    first = finished.report_file.read_bytes()
    run.report_file.unlink()
    code, out = invoke("report", run.folder, "--json")
    assert (code, json.loads(out)) == (0, {"report": str(run.report_file), "bytes": len(first)})
    assert run.report_file.read_bytes() == first
    assert invoke("report", run.folder) == (0, f"{run.report_file}: {len(first) / 1000:,.0f} kB\n")


def test_a_run_of_an_older_version_is_not_called_damaged(run: Run) -> None:
    info = json.loads(run.info_file.read_text())
    del info["parameters"]
    run.info_file.write_text(json.dumps(info))
    with pytest.raises(RunUnusable, match=r"run\.json was written by an older version of Whatsit \(parameters: "):
        invoke("report", run.folder)


def test_of_what_is_no_run_those_are_named_that_may_be_meant(run: Run) -> None:
    with pytest.raises(RunUnusable, match=f"nope: there is no run; known runs: {run.folder}$"):
        invoke("report", run.folder.parent / "nope")


def test_help_has_an_example() -> None:
    code, out = invoke("report", "--help")
    assert (code, "Example: whatsit report runs/cifar10" in " ".join(out.split())) == (0, True)
