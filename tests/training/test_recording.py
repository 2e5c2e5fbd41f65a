import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from training.errors import RunUnusable
from training.intervals import wilson
from training.lock import sole
from training.network import build_network
from training.recording import find_run, list_runs, look, recorded
from training.records import LOG, append, read
from training.run import Run, best_epoch


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A copy of a finished run, without records."""
    return Run(shutil.copytree(finished.folder, tmp_path / "runs" / "one"))


def states(folder: Path) -> list[tuple[str, str]]:
    return [(entry.facts.run, entry.state) for entry in list_runs(folder)]


def test_training_records_a_run_with_all_that_is_known(finished: Run) -> None:
    (entry,) = list_runs(finished.folder.parent)
    assert (entry.state, [record.state for record in read(finished.folder.parent)]) == (
        "finished",
        ["started", "finished"],
    )
    facts, metrics, history = entry.facts, finished.metrics(), finished.history()
    assert (facts.run, facts.recipe, facts.data, facts.seed) == ("run", "tiny", "drawings0", 3)
    assert facts.fingerprint == finished.splits().fingerprint
    assert (facts.epochs, facts.planned_epochs) == (3, 3)
    best = best_epoch(history)
    assert best is not None
    assert (facts.best_epoch, facts.validation_accuracy) == (best.epoch, best.validation_accuracy)
    assert (facts.test_accuracy, facts.test_images) == (metrics.accuracy, 30)
    assert facts.test_interval == pytest.approx(wilson(metrics.correct, 30))
    assert facts.calibration_error == metrics.expected_calibration_error
    assert facts.seconds == pytest.approx(sum(row.seconds for row in history), abs=0.1)
    assert facts.parameters == sum(parameter.numel() for parameter in build_network(finished.recipe(), 3).parameters())


def test_a_run_that_ends_well_is_finished(run: Run) -> None:
    with recorded(run, ("seed=3",)):
        assert states(run.folder.parent) == [("one", "finished")]  # as its folder says: nobody holds it
    (entry,) = list_runs(run.folder.parent)
    assert (entry.state, entry.changes, entry.facts) == ("finished", ("seed=3",), look(run))


def test_a_run_in_work_is_running_with_the_epochs_it_has(run: Run) -> None:
    run.metrics_file.unlink()
    with sole(run.folder), recorded(run, ()):
        lines = run.metrics_log.read_text().splitlines()
        run.metrics_log.write_text(lines[0] + "\n")
        (entry,) = list_runs(run.folder.parent)
        assert (entry.state, entry.facts.epochs) == ("running", 1)


def test_an_interruption_is_recorded(run: Run) -> None:
    with pytest.raises(KeyboardInterrupt), recorded(run, ()):
        raise KeyboardInterrupt
    (entry,) = list_runs(run.folder.parent)
    assert (entry.state, entry.reason) == ("interrupted", "from the keyboard")


def test_a_failure_is_recorded_with_its_reason(run: Run) -> None:
    run.metrics_file.unlink()
    with pytest.raises(RuntimeError), recorded(run, ()):
        raise RuntimeError("out of memory")
    (entry,) = list_runs(run.folder.parent)
    assert (entry.state, entry.reason, entry.facts.test_accuracy) == ("failed", "RuntimeError: out of memory", None)


def test_a_run_that_was_killed_stands_as_interrupted(run: Run) -> None:
    run.metrics_file.unlink()
    with recorded(run, ()):
        pass
    log = run.folder.parent / LOG
    log.write_text(log.read_text().splitlines()[0] + "\n")  # it never came to write the second line
    assert states(run.folder.parent) == [("one", "interrupted")]


def test_a_deleted_run_is_gone_and_its_numbers_stay(run: Run) -> None:
    with recorded(run, ()):
        pass
    facts = look(run)
    shutil.rmtree(run.folder)
    (entry,) = list_runs(run.folder.parent)
    assert (entry.state, entry.facts) == ("gone", facts)
    assert find_run(run.folder)[0] == entry


def test_a_later_run_in_the_same_folder_is_another(run: Run) -> None:
    with recorded(run, ()):
        pass
    (first,) = read(run.folder.parent)[-1:]
    earlier = first.facts.model_copy(update={"began": first.facts.began - timedelta(days=1)})
    (run.folder.parent / LOG).unlink()
    append(run.folder.parent, first.model_copy(update={"facts": earlier}))
    append(run.folder.parent, first)
    assert states(run.folder.parent) == [("one", "gone"), ("one", "finished")]
    entry, records = find_run(run.folder)
    assert (entry.state, len(records)) == ("finished", 1)


def test_a_run_from_elsewhere_is_listed_without_a_record(run: Run) -> None:
    assert [(entry.state, entry.facts) for entry in list_runs(run.folder.parent)] == [("finished", look(run))]
    run.metrics_file.unlink()
    assert states(run.folder.parent) == [("one", "interrupted")]


def test_a_folder_that_cannot_be_read_is_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.recipe_file.write_text('{"seed": "what"}')
    assert list_runs(run.folder.parent) == []
    assert f"{run.folder} cannot be read: " in capsys.readouterr().err


def test_where_no_record_can_be_written_that_is_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    (run.folder.parent / LOG).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.records.read", lambda folder: [])
        with recorded(run, ()):
            pass
    assert "the run is not recorded in" in capsys.readouterr().err


def test_nothing_known_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunUnusable, match="nor a record of one"):
        find_run(tmp_path / "nothing")


def test_a_list_needs_no_torch(run: Run) -> None:
    run.metrics_file.unlink()  # a run without a word of its end is looked at
    command = [sys.executable, "-X", "importtime", "-m", "service.cli.main", "runs", "list", "--json", "--runs"]
    done = subprocess.run([*command, run.folder.parent], capture_output=True, text=True, check=True)
    (entry,) = json.loads(done.stdout)
    assert (entry["state"], entry["facts"]["parameters"]) == ("interrupted", look(run).parameters)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "training.recording" in imported
    assert not imported & {"torch", "lightning", "scipy.stats", "matplotlib"}
