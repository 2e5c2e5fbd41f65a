import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.training.test_run import row
from training.errors import RunUnusable
from training.intervals import wilson
from training.lock import sole
from training.network import build_network
from training.recording import find_run, list_runs, look, recorded
from training.records import LOG, append, read
from training.run import Run, best_epoch

BAD_ROW = row(1).model_copy(update={"validation_accuracy": 7}).model_dump_json()


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


def test_only_what_trained_an_epoch_is_named(run: Run) -> None:
    first = run.info().first.model_copy(update={"hardware": "an abacus", "git_commit": "c0ffee"})
    second = first.model_copy(update={"hardware": "a slide rule", "git_commit": "decade", "epochs": 2})
    third = second.model_copy(update={"hardware": "a pencil", "git_commit": "facade", "epochs": 3})
    run.note(run.info().model_copy(update={"starts": (first, second, third)}))
    facts = look(run)
    assert facts.hardware == "an abacus, then a slide rule"
    assert (facts.git_commit, facts.later_commits) == ("c0ffee", ("decade",))


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
    run.metrics_file.unlink()
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


def test_records_of_a_moment_after_its_beginning_are_of_the_same_run(run: Run) -> None:
    """Once a run was known by the time of a file."""
    with recorded(run, ("seed=3",)):
        pass
    (last,) = read(run.folder.parent)[-1:]
    later = last.facts.model_copy(update={"began": last.facts.began + timedelta(milliseconds=80)})
    (run.folder.parent / LOG).unlink()
    append(run.folder.parent, last.model_copy(update={"facts": later}))
    (entry,) = list_runs(run.folder.parent)
    assert (entry.state, entry.changes, entry.facts) == ("finished", ("seed=3",), look(run))
    assert len(find_run(run.folder)[1]) == 1
    with recorded(run, ()):  # from now on a run is known by its own time, and what began a moment later is another
        pass
    assert states(run.folder.parent) == [("one", "finished"), ("one", "gone")]


def test_a_copy_of_another_run_is_not_taken_for_the_one_that_was_there(run: Run, tmp_path: Path) -> None:
    other = Run(shutil.copytree(run.folder, tmp_path / "other"))
    info = other.info()
    first = info.first.model_copy(update={"at": info.first.at - timedelta(days=1)})
    other.note(info.model_copy(update={"starts": (first,)}))
    other.metrics_log.write_text(run.metrics_log.read_text().splitlines()[0] + "\n")
    with recorded(run, ("seed=3",)):
        pass
    times = run.recipe_file.stat()
    shutil.copytree(other.folder, run.folder, dirs_exist_ok=True)
    os.utime(run.recipe_file, ns=(times.st_atime_ns, times.st_mtime_ns))  # no time of a file tells them apart
    listed = [(entry.state, entry.changes, entry.facts.epochs) for entry in list_runs(run.folder.parent)]
    assert listed == [("finished", (), 1), ("gone", ("seed=3",), 3)]
    entry, records = find_run(run.folder)
    assert (entry.state, entry.facts.epochs, records) == ("finished", 1, [])


def test_a_run_that_went_on_elsewhere_is_as_its_folder_says(run: Run) -> None:
    finished = run.metrics_file.read_text()
    run.metrics_file.unlink()
    with pytest.raises(KeyboardInterrupt), recorded(run, ("seed=3",)):
        raise KeyboardInterrupt
    run.metrics_file.write_text(finished)  # as it is copied back
    (entry,) = list_runs(run.folder.parent)
    assert (entry.state, entry.reason, entry.changes, entry.facts) == ("finished", "", ("seed=3",), look(run))
    assert len(find_run(run.folder)[1]) == 2


def test_a_run_from_elsewhere_is_listed_without_a_record(run: Run) -> None:
    assert [(entry.state, entry.facts) for entry in list_runs(run.folder.parent)] == [("finished", look(run))]
    run.metrics_file.unlink()
    assert states(run.folder.parent) == [("one", "interrupted")]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("recipe.json", b'{"seed": "what"}', "seed: Input should be a valid integer"),
        ("run.json", b"{", "all of it: Invalid JSON: "),
        ("run.json", b"\xff\x00", "it is no text in UTF-8"),
        ("metrics.jsonl", BAD_ROW.encode(), "validation_accuracy: Input should be less than or equal to 1"),
        ("metrics.json", b"[]", "all of it: Input should be an object"),
    ],
)
def test_a_folder_that_cannot_be_read_is_told_in_one_line(
    run: Run, name: str, content: bytes, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with recorded(run, ()):
        pass
    path = run.folder / name
    path.write_bytes(content)
    assert states(run.folder.parent) == [("one", "gone")]
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(f"left out: {path} is damaged: {problem}")


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
