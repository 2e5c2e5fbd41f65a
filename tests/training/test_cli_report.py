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


def test_a_run_that_kept_no_evidence_gets_it_from_its_data(finished: Run, run: Run, drawings: Path) -> None:
    for path in (run.answers_file(), run.evidence_file(), run.report_file):
        path.unlink()
    assert invoke("report", run.folder)[0] == 0
    for ours, theirs in ((run.evidence_file(), finished.evidence_file()), (run.report_file, finished.report_file)):
        assert ours.read_bytes() == theirs.read_bytes()
    assert not run.cache.exists()


def test_other_data_is_refused(run: Run, drawings: Path, tmp_path: Path) -> None:
    run.answers_file().unlink()
    shutil.copytree(drawings, tmp_path / "other")
    next((tmp_path / "other" / "test" / "disc").iterdir()).unlink()
    with pytest.raises(RunUnusable, match="not the data that it was trained on"):
        invoke("report", run.folder, "--data", tmp_path / "other")
    assert not run.answers_file().exists()


def test_a_run_that_is_not_finished_has_none(tmp_path: Path) -> None:
    with pytest.raises(RunUnusable, match="there is no metrics"):
        invoke("report", tmp_path)


def test_help_has_an_example() -> None:
    code, out = invoke("report", "--help")
    assert (code, "Example: whatsit report runs/cifar10" in " ".join(out.split())) == (0, True)
