import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from models.errors import WhatsitError
from models.store import Store
from tests.training.support import tiny_recipe, write_classes
from training.data import dataset
from training.errors import Diverged, InvalidData, RunBusy, RunExists, RunUnusable
from training.fit import fit
from training.lock import sole
from training.recording import list_runs
from training.release import publish
from training.run import Run
from training.train import Request, train


def numbers(run: Run) -> list[dict[str, float]]:
    return [row.model_dump(exclude={"seconds"}) for row in run.history()]


def test_a_finished_run_has_everything(finished: Run) -> None:
    assert len(finished.history()) == 3
    assert finished.metrics().images == 30
    assert finished.metrics().accuracy > 0.6
    assert finished.calibration().temperature > 0
    check = finished.check()
    assert check is not None
    assert check.counts["test"] == (10, 10, 10)
    with Image.open(finished.sheet_file) as sheet:
        assert sheet.format == "JPEG"
    assert len(list(finished.golden.glob("*.png"))) == 3
    assert finished.graph.exists()


def test_the_pixels_of_a_large_set_go_when_the_run_is_finished(
    drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "_IN_MEMORY_BYTES", 1000)
    made: list[bool] = []

    def watched(*arguments: Any, **named: Any) -> None:
        made.append(run.cache.exists())
        fit(*arguments, **named)

    monkeypatch.setattr("training.train.fit", watched)
    run = Run(tmp_path / "run")
    train(Request("tiny", tiny_recipe(tmp_path, "fit.epochs=1"), drawings, run.folder))
    assert made == [True]
    assert not run.cache.exists()


def test_a_second_run_into_the_folder_is_refused(finished: Run, drawings: Path) -> None:
    with pytest.raises(RunExists, match="--resume"):
        train(Request("tiny", finished.recipe(), drawings, finished.folder))


def test_a_mistake_in_the_data_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    with pytest.raises(InvalidData):
        train(Request("tiny", recipe, tmp_path / "nowhere", tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "runs.jsonl").exists()


def test_a_run_that_fails_in_reading_leaves_a_record_and_is_not_in_the_way(tmp_path: Path) -> None:
    data, run = write_classes(tmp_path / "data", 1), Run(tmp_path / "run")
    recipe = tiny_recipe(tmp_path, "fit.epochs=1")
    for resume in (False, True):
        with pytest.raises(InvalidData, match="too few images"):
            train(Request("tiny", recipe, None if resume else data, run.folder, resume=resume))
    (entry,) = list_runs(tmp_path)
    assert (entry.state, entry.reason.partition(":")[0], entry.facts.data) == ("failed", "InvalidData", None)
    assert len(run.info().starts) == 2
    write_classes(data, 12)
    train(Request("tiny", recipe, data, run.folder))
    assert [(entry.state, entry.facts.epochs) for entry in list_runs(tmp_path)] == [("gone", 0), ("finished", 1)]
    assert len(run.info().starts) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("input.height=3", "an input of 3 x 16 is too small"),
        ("transfer.weights={finished}", "nothing of the run run, epoch . fits"),
    ],
)
def test_a_mistake_in_the_recipe_leaves_nothing_in_the_way(
    change: str, told: str, finished: Run, drawings: Path, tmp_path: Path
) -> None:
    smaller = "architecture.stem.kernel=1"
    recipe = tiny_recipe(tmp_path, "augment={}", smaller, change.format(finished=finished.folder))
    with pytest.raises(WhatsitError, match=told):
        train(Request("tiny", recipe, drawings, tmp_path / "run"))
    assert list(tmp_path.iterdir()) == [tmp_path / "tiny.toml"]


def test_what_fails_before_an_epoch_is_done_may_begin_anew(tmp_path: Path) -> None:
    data, run = write_classes(tmp_path / "data", 12), Run(tmp_path / "run")
    recipe = tiny_recipe(tmp_path, "fit.epochs=1")
    too_fast = tiny_recipe(tmp_path, "fit.epochs=1", "optimizer.learning_rate=1e30", "schedule.name=constant")
    with pytest.raises(Diverged):
        train(Request("tiny", too_fast, data, run.folder))
    with pytest.raises(RunUnusable, match="the same --set, or begin anew without --resume"):
        train(Request("tiny", recipe, data, run.folder, resume=True))
    write_classes(data, 1, first=90)  # these were not there
    train(Request("tiny", recipe, data, run.folder))
    check = run.check()
    assert check is not None
    assert (check.images, run.recipe(), len(run.info().starts)) == (39, recipe, 1)
    assert sum(map(len, run.splits().keys.values())) == 39
    assert [(entry.state, entry.facts.epochs) for entry in list_runs(tmp_path)] == [("gone", 0), ("finished", 1)]
    run.metrics_file.unlink()
    with pytest.raises(RunUnusable, match=r"the same --set$"):
        train(Request("tiny", too_fast, data, run.folder, resume=True))


def test_a_full_disk_is_told_with_the_folder(drawings: Path, tmp_path: Path) -> None:
    golden = tmp_path / "run" / "golden"
    golden.mkdir(parents=True)
    (golden / "000-across.png").symlink_to("/dev/full")
    with pytest.raises(OSError, match=f"No space left on device: '{golden.parent}'"):
        train(Request("tiny", tiny_recipe(tmp_path, "fit.epochs=1"), drawings, golden.parent))


def test_a_run_inside_of_its_data_is_refused_and_leaves_nothing(finished: Run, drawings: Path) -> None:
    with pytest.raises(RunUnusable, match="as a class would be: choose another --output"):
        train(Request("tiny", finished.recipe(), drawings, drawings / "runs" / "tiny"))
    assert not (drawings / "runs").exists()


def test_one_folder_is_trained_in_by_one_process_at_a_time(finished: Run, drawings: Path, tmp_path: Path) -> None:
    with sole(tmp_path / "run"), pytest.raises(RunBusy, match=r"another process .*is training in"):
        train(Request("tiny", finished.recipe(), drawings, tmp_path / "run"))


def test_going_on_with_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = Request("tiny", tiny_recipe(tmp_path), tmp_path / "nowhere", tmp_path / "run", resume=True)
    with pytest.raises(InvalidData):
        train(request)
    assert "holds no run to go on with: one begins" in capsys.readouterr().err


def test_resuming_a_finished_run_changes_nothing(
    finished: Run, drawings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")}
    train(Request("tiny", finished.recipe(), drawings, finished.folder, resume=True))
    assert "is finished already" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")} == before


def test_a_finished_run_is_not_left_as_if_it_had_learned_other_data(
    finished: Run, drawings: Path, tmp_path: Path
) -> None:
    def resume(data: Path) -> None:
        train(Request("tiny", finished.recipe(), data, finished.folder, resume=True))

    with pytest.raises(InvalidData, match="nowhere is not a folder"):
        resume(tmp_path / "nowhere")
    moved = shutil.copytree(drawings, tmp_path / "moved")
    resume(moved)  # it is the same wherever it lies
    (moved / "train" / "disc" / "003.png").rename(moved / "train" / "disc" / "new.png")
    with pytest.raises(RunUnusable, match="the data has changed since the run began: 1 images are gone and 1 are new"):
        resume(moved)


def test_another_recipe_cannot_take_up_a_run(finished: Run, drawings: Path, tmp_path: Path) -> None:
    other = tiny_recipe(tmp_path, "seed=99")
    with pytest.raises(RunUnusable, match="made by another recipe"):
        train(Request("tiny", other, drawings, finished.folder, resume=True))


def test_changed_data_cannot_take_up_a_run(tmp_path: Path) -> None:
    write_classes(tmp_path / "data", 12)
    recipe = tiny_recipe(tmp_path, "fit.epochs=1")
    request = Request("tiny", recipe, tmp_path / "data", tmp_path / "run", resume=True)
    run = train(request)
    run.metrics_file.unlink()
    moved = (tmp_path / "data").rename(tmp_path / "moved")
    train(replace(request, data_path=moved))  # it is the same wherever it lies
    run.metrics_file.unlink()
    (moved / "disc" / "003.png").unlink()
    with pytest.raises(RunUnusable, match=r"changed since the run began: .* are gone and .* another --output"):
        train(replace(request, data_path=moved))


def test_a_run_that_goes_on_has_its_data_checked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.train.fit", stop)
    data = write_classes(tmp_path / "data", 5)
    shutil.copy(data / "disc" / "000.png", data / "down" / "again.png")
    recipe, run, told = (
        tiny_recipe(tmp_path),
        Run(tmp_path / "run"),
        "warning: 2 images of the same pixels in two classes",
    )
    with pytest.raises(KeyboardInterrupt):
        train(Request("tiny", recipe, data, run.folder))
    assert told in capsys.readouterr().err
    monkeypatch.setattr("training.train.check_dataset", None)  # whoever calls it fails
    with pytest.raises(KeyboardInterrupt):
        train(Request("tiny", recipe, data, run.folder, resume=True))
    assert told in capsys.readouterr().err


def test_killed_at_any_moment_it_goes_on_to_the_same_end(tmp_path: Path, drawings: Path) -> None:
    """A real process, killed with SIGKILL in the middle of an epoch, then resumed in this one."""
    changes = ["fit.epochs=8", "fit.batch_size=8"]
    recipe = tiny_recipe(tmp_path, *changes)
    whole = train(Request("tiny", recipe, drawings, tmp_path / "whole"))
    cut = Run(tmp_path / "cut")
    arguments = ["train", str(tmp_path / "tiny.toml"), "--data", str(drawings), "--output", str(cut.folder)]
    arguments += [part for change in changes for part in ("--set", change)]
    command = [sys.executable, "-c", "from service.cli.main import main; main()", *arguments]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
        deadline = time.monotonic() + 60
        while not (cut.metrics_log.exists() and len(cut.history()) >= 2):
            assert process.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline, "it does not come on"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert 2 <= len(cut.history()) < 8
    assert not cut.metrics_file.exists()
    train(Request("tiny", recipe, None, cut.folder, resume=True))  # the run knows where its data is
    assert numbers(cut) == numbers(whole)
    assert cut.metrics() == whole.metrics()
    first, second = cut.info().starts
    assert (first.epochs, first.threads, first.processes) == (0, 1, 1)
    assert second.epochs >= 2


@pytest.mark.parametrize("name", ["nowhere@3", "no/such/file.pth"])
def test_weights_that_are_not_there_are_told_before_anything_is_read(name: str, drawings: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path, f"transfer.weights={name}")
    (tmp_path / "store").mkdir()
    output = tmp_path / "run"
    with pytest.raises(WhatsitError, match=name.partition("@")[0]):
        train(Request("tiny", recipe, drawings, output, store=Store(tmp_path / "store")))
    assert not output.exists()


def test_a_version_of_the_store_gives_its_weights(finished: Run, drawings: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    publish(finished, store, "shapes", who="tests")
    recipe = tiny_recipe(tmp_path, "fit.epochs=1", "transfer.weights=shapes@1", "transfer.freeze=1")
    run = train(Request("tiny", recipe, drawings, tmp_path / "run", store=store))
    assert run.history()[0].train_accuracy > 0.9  # the head alone had to learn
    origin = run.info().origin
    assert origin is not None
    assert (origin.title, origin.layers, origin.learnt_test_images) == ("shapes@1 (fp32)", 4, 0)
