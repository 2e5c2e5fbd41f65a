from pathlib import Path

import pytest
import torch

from models.manifest import Start
from tests.training.report.support import START
from tests.training.support import tiny_recipe
from training.errors import RunUnusable
from training.run import (
    EpochMetrics,
    Run,
    RunInfo,
    best_epoch,
    least_loss,
    load_checkpoint,
    save_checkpoint,
    write_bytes,
    write_lines,
)

INFO = RunInfo(recipe_name="tiny", data_path=None, parameters=9, starts=(START,))


def after(start: Start, epochs: int) -> Start:
    return start.model_copy(update={"epochs": epochs})


def row(epoch: int, loss: float = 1.0) -> EpochMetrics:
    return EpochMetrics(
        epoch=epoch,
        learning_rate=0.1,
        train_loss=loss,
        train_accuracy=0.5,
        validation_loss=loss,
        calibrated_loss=loss,
        loss_error=0.1,
        validation_accuracy=0.5,
        seconds=1,
    )


@pytest.mark.parametrize(
    ("losses", "error", "best"),
    [
        pytest.param((3, 2, 1), 0.1, 3, id="the last"),
        pytest.param((3, 1, 2, 2), 0.1, 2, id="the least"),
        pytest.param((3, 1, 1.05, 1.2), 0.1, 3, id="the last within the error of the least"),
        pytest.param((1.05, 1, 1.2, 1.1), 0.1, 4, id="after one that is not"),
        pytest.param((3, 1, 1), 0, 3, id="of equals the last"),
    ],
)
def test_the_best_epoch(losses: tuple[float, ...], error: float, best: int) -> None:
    rows = [row(place, 9) for place in range(1, len(losses) + 1)]
    rows = [
        each.model_copy(update={"calibrated_loss": loss, "loss_error": error})
        for each, loss in zip(rows, losses, strict=True)
    ]
    found, least = best_epoch(rows), least_loss(rows)
    assert found is not None
    assert least is not None
    assert (found.epoch, least.calibrated_loss) == (best, 1)


def test_there_is_no_best_epoch_before_the_first() -> None:
    assert best_epoch([]) is None


def test_a_run_keeps_its_recipe(tmp_path: Path) -> None:
    run, recipe = Run(tmp_path / "deep" / "run"), tiny_recipe(tmp_path)
    assert not run.exists
    run.begin(recipe, INFO)
    assert run.exists
    assert run.recipe() == recipe
    assert run.info() == INFO


def test_nothing_of_a_run_that_has_not_learned_holds_for_the_next(tmp_path: Path) -> None:
    run, recipe = Run(tmp_path), tiny_recipe(tmp_path)
    run.begin(recipe, INFO)
    for path in (run.splits_file, run.learnt_file, run.check_file, run.mlflow_file):
        path.write_text("of the first")
    run.begin(recipe, INFO)
    assert {path.name for path in tmp_path.iterdir()} == {"recipe.json", "run.json", "tiny.toml"}
    assert not run.has_learned
    write_lines(run.metrics_log, [row(1)])
    assert run.has_learned


def test_all_that_trained_a_run_is_named_once() -> None:
    cpu, gpu = (INFO.first.model_copy(update={"hardware": name}) for name in ("cpu", "gpu"))
    info = INFO.model_copy(update={"starts": (cpu, after(gpu, 3), after(gpu, 5))})
    assert info.hardware(epochs=9) == "cpu, then gpu"
    assert info.commits(epochs=9) == ("c0ffee",)


@pytest.mark.parametrize(
    ("starts", "epochs", "trained"),
    [
        pytest.param((0,), 0, (0,), id="none is done"),
        pytest.param((0, 14, 28), 28, (0, 1), id="the last only measured"),
        pytest.param((0, 0, 3, 3), 3, (1,), id="killed in its first epoch"),
        pytest.param((0, 0), 0, (1,), id="none is done, once more"),
    ],
)
def test_a_start_without_an_epoch_trained_nothing(
    starts: tuple[int, ...], epochs: int, trained: tuple[int, ...]
) -> None:
    made = [
        after(INFO.first, done).model_copy(update={"hardware": f"cpu {place}", "git_commit": f"c{place}"})
        for place, done in enumerate(starts)
    ]
    info = INFO.model_copy(update={"starts": tuple(made)})
    assert info.hardware(epochs) == ", then ".join(f"cpu {place}" for place in trained)
    assert info.commits(epochs) == tuple(f"c{place}" for place in trained)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(RunUnusable, match="there is no run"):
        run.recipe()
    with pytest.raises(RunUnusable, match=r"no metrics\.json: the run is not finished"):
        run.metrics()
    with pytest.raises(RunUnusable, match=r"no last\.pt: no epoch of the run is finished"):
        load_checkpoint(run.last)
    save_checkpoint(run.last, {})
    with pytest.raises(RunUnusable, match=r"no best\.pt, although epochs are finished: put it back, or begin anew"):
        load_checkpoint(run.best)


def test_checkpoints_come_back_and_hold_no_code(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.pt", {"weights": {"x": torch.arange(3)}, "history": [row(1).model_dump()]})
    content = load_checkpoint(tmp_path / "a.pt")
    assert content["weights"]["x"].tolist() == [0, 1, 2]
    assert EpochMetrics.model_validate(content["history"][0]) == row(1)
    torch.save({"code": Path}, tmp_path / "b.pt")
    with pytest.raises(RunUnusable, match="damaged"):
        load_checkpoint(tmp_path / "b.pt")


@pytest.mark.parametrize("left", [0, 1, 200])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, left: int) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"weights": torch.arange(3)})
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(RunUnusable, match=r"last\.pt is damaged.*another --output"):
        load_checkpoint(path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.metrics_file.write_text('{"split": ')
    run.metrics_log.write_text(row(1).model_dump_json() + '\n{"epoch": "two"}\n')
    with pytest.raises(RunUnusable, match=r"metrics\.json is damaged: all of it: Invalid JSON"):
        run.metrics()
    with pytest.raises(RunUnusable, match=r"metrics\.jsonl is damaged: epoch: "):
        run.history()
    run.metrics_log.write_text(row(1).model_copy(update={"validation_accuracy": 7}).model_dump_json())
    with pytest.raises(
        RunUnusable, match=r"metrics\.jsonl is damaged: validation_accuracy: .* less than or equal to 1"
    ):
        run.history()
    run.recipe_file.write_text('{"seed": "what"}')
    with pytest.raises(RunUnusable, match=r"recipe\.json is damaged: seed: Input should be a valid integer"):
        run.recipe()
    run.info_file.write_bytes(b"\xff\x00")
    with pytest.raises(RunUnusable, match=r"run\.json is damaged: it is no text in UTF-8"):
        run.info()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    (tmp_path / ".file.new").mkdir()  # the new content cannot be written
    with pytest.raises(IsADirectoryError):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_full_disk_is_told_with_the_file_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    write_bytes(path, b"old")
    (tmp_path / ".last.pt.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match=rf"No space left on device: '{path}'"):
        write_bytes(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_the_history_is_one_line_an_epoch(tmp_path: Path) -> None:
    run = Run(tmp_path)
    write_lines(run.metrics_log, [row(1), row(2, 0.5)])
    assert len(run.metrics_log.read_text().splitlines()) == 2
    assert run.history() == [row(1), row(2, 0.5)]
