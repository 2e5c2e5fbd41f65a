import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models.manifest import Metrics
from tests.support.mlflow_server import MlflowServer, mlflow_server
from tests.training.support import tiny_recipe
from training import tools
from training.errors import TrackingUnavailable
from training.run import EpochMetrics, Run
from training.tools import Tool, require_installed
from training.tracking import Tracking, check_tools, final_numbers, flatten, tracked
from training.train import Request, train


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MlflowServer]:
    with mlflow_server() as running:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", running.url)
        yield running


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A copy of a finished run of three epochs."""
    return Run(shutil.copytree(finished.folder, tmp_path / "run"))


def scalars(run: Run, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_a_training_is_told_to_both_while_it_goes_on(drawings: Path, tmp_path: Path, server: MlflowServer) -> None:
    recipe = tiny_recipe(tmp_path, "fit.epochs=2")
    run = train(Request("tiny", recipe, drawings, tmp_path / "run", track=(Tool.TENSORBOARD, Tool.MLFLOW)))
    expected = {row.epoch: row.validation_loss for row in run.history()}
    assert dict(scalars(run, "loss/validation")) == pytest.approx(expected)
    assert dict(server.values("validation_loss")) == pytest.approx(expected)
    assert dict(server.values("learning_rate")) == {row.epoch: row.learning_rate for row in run.history()}
    assert server.values("test_accuracy") == [(2, run.metrics().accuracy)]
    assert scalars(run, "test_accuracy")[0][1] == pytest.approx(run.metrics().accuracy)
    assert (server.params()["optimizer.learning_rate"], server.params()["fit.epochs"]) == ("0.2", "2")
    assert server.status() == "FINISHED"
    assert server.files["model.onnx"] == run.graph.read_bytes()
    assert set(server.experiments) == {"whatsit"}


def test_a_run_that_goes_on_is_told_once(run: Run, server: MlflowServer) -> None:
    both = (Tool.TENSORBOARD, Tool.MLFLOW)
    last = run.history()[-1]
    with tracked(both, run):
        pass
    assert server.status() == "KILLED"
    with tracked(both, run) as tracking:
        assert server.status() == "RUNNING"
        tracking.epoch(last)  # it is known
        tracking.epoch(last.model_copy(update={"epoch": 4}))
    assert [step for step, _ in server.values("train_loss")] == [1, 2, 3, 4]
    assert [step for step, _ in scalars(run, "loss/train")] == [1, 2, 3, 4]
    assert len(server.runs) == 1


def test_the_table_of_hyperparameters_has_the_recipe_and_what_it_reached(run: Run) -> None:
    with tracked((Tool.TENSORBOARD,), run) as tracking:
        tracking.finish(run.metrics(), run)
    events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    assert events.PluginTagToContent("hparams")
    assert "recipe/text_summary" in events.Tags()["tensors"]


def test_the_recipe_is_flattened_by_its_dotted_keys(tmp_path: Path) -> None:
    flat = flatten(tiny_recipe(tmp_path, "architecture.head.dense=[8, 4]"))
    assert flat["architecture.blocks.1.convolutions"] == 2
    assert flat["architecture.head.dense"] == "[8, 4]"
    assert flat["augment.flip"] == "alternating"
    assert all(isinstance(value, str | int | float) for value in flat.values())


def test_the_figures_of_the_test_split_are_plain_numbers(finished: Run) -> None:
    numbers = final_numbers(finished.metrics())
    assert numbers["test_accuracy"] == finished.metrics().accuracy
    assert all(isinstance(value, float) for value in numbers.values())
    json.dumps(numbers, allow_nan=False)


class Failing:
    """A tool that hears one epoch and fails at the next."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def epoch(self, row: EpochMetrics) -> None:
        self.heard.append(f"epoch {row.epoch}")
        if row.epoch == 2:
            raise OSError("no space left")

    def finish(self, metrics: Metrics, run: Run) -> None:
        self.heard.append("finish")

    def close(self) -> None:
        self.heard.append("close")


def test_a_tool_that_fails_is_let_go_and_the_others_are_told(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    failing, tracking = Failing(), Tracking()
    tracking.add(failing)
    tracking.add(other := Failing())
    for row in run.history():
        tracking.epoch(row.model_copy(update={"epoch": row.epoch * 2 - 1}))  # 1, 3, 5
    assert other.heard == failing.heard == ["epoch 1", "epoch 3", "epoch 5"]
    tracking = Tracking()
    tracking.add(failing)
    for row in run.history():
        tracking.epoch(row)
    tracking.finish(run.metrics(), run)
    tracking.close()
    assert failing.heard[3:] == ["epoch 1", "epoch 2"]
    assert "Failing is told no more of this run: no space left" in capsys.readouterr().err


def test_what_is_not_installed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find_spec", lambda name: None)
    with pytest.raises(TrackingUnavailable, match=r"--track tensorboard needs .*: make tracking, or .*--editable"):
        require_installed([Tool.TENSORBOARD])
    require_installed([])


def test_mlflow_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(TrackingUnavailable, match="export MLFLOW_TRACKING_URI="):
        check_tools([Tool.MLFLOW])


def test_a_server_that_does_not_answer_stops_the_training_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, drawings: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TrackingUnavailable, match=r"MLflow at http://127\.0\.0\.1:9 does not answer"):
        train(Request("tiny", tiny_recipe(tmp_path), drawings, tmp_path / "run", track=(Tool.MLFLOW,)))
    assert not (tmp_path / "run").exists()
