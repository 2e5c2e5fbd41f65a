import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.training.support import recipe_file, write_classes
from training import cli
from training.cli import options
from training.errors import InvalidRecipe, NotComparable, RunUnusable, TrainingNotInstalled
from training.run import Run

app = typer.Typer()
cli.register(app)


def invoke(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    return result.exit_code, result.stdout


def test_from_a_folder_to_a_published_version(tmp_path: Path, drawings: Path) -> None:
    run, store = tmp_path / "run", tmp_path / "store"
    short = ("--epochs", "1", "--set", "augment.flip=random", "--output", run)
    code, out = invoke("train", recipe_file(tmp_path), "--data", drawings, *short, "--json")
    facts = json.loads(out)
    assert (code, facts["run"], len(facts["epochs"])) == (0, str(run), 1)
    assert Run(run).recipe().augment.flip == "random"
    assert "every answer will be for review" in facts["warning"]

    code, out = invoke("runs", "list", "--runs", tmp_path, "--json")
    (listed,) = json.loads(out)
    assert (code, listed["state"], listed["changes"]) == (0, "finished", ["augment.flip=random", "fit.epochs=1"])
    assert listed["facts"]["test_accuracy"] == facts["test"]["accuracy"]
    assert "\n augment.flip=random " in invoke("runs", "list", "--runs", tmp_path)[1]

    code, out = invoke("publish", run, "--name", "shapes", "--alias", "production", "--store", store, "--json")
    published = json.loads(out)
    assert (code, published["version"], published["alias"]) == (0, 1, "production")
    assert Path(published["folder"], "manifest.json").exists()

    code, out = invoke("evaluate", "shapes", "--data", drawings, "--store", store, "--json")
    measured = json.loads(out)
    assert code == 0
    assert (measured["metrics"], measured["promises"]) == (facts["test"], facts["promises"])
    assert isinstance(measured["metrics"]["correct"], int)

    with pytest.raises(NotComparable, match=r"shapes@1 and .* are the same graph"):
        invoke("compare", "shapes", run, "--data", drawings, "--store", store)


def test_tables_are_for_people(finished: Run, tmp_path: Path) -> None:
    code, out = invoke("evaluate", finished.folder)
    assert code == 0
    assert f"({finished.metrics().correct} of 30)" in out
    assert "accepted" in out
    assert "confusion matrix" in out
    code, out = invoke("compare", finished.folder, finished.folder, "--precision", "fp32", "--precision", "fp16")
    assert code == 0
    assert "No difference: both are right equally often" in " ".join(out.split())
    same, run = ("--set", 'export.variants=["fp16", "int8"]'), shutil.copytree(finished.folder, tmp_path / "two words")
    code, out = invoke("train", recipe_file(tmp_path), *same, "--output", run, "--resume")
    assert code == 0
    assert f"next: whatsit publish '{run}' --name NAME" in out
    assert "warning: every answer will be for review: the 12 validation images prove of no score" in out
    code, out = invoke("publish", finished.folder, "--name", "shapes", "--store", tmp_path)
    assert (code, out.split(":")[0]) == (0, "published shapes@1")


def test_numbers_that_may_flatter_say_so(finished: Run, tmp_path: Path) -> None:
    data = write_classes(tmp_path, 2, first=3000)
    code, out = invoke("evaluate", finished.folder, "--data", data)
    assert code == 0
    assert "not known to be held out" in out
    assert "warning: these images are not known to be held out" in out
    measured = json.loads(invoke("evaluate", finished.folder, "--data", data, "--json")[1])
    assert (measured["held_out"], measured["metrics"]["split"]) == (None, "not known to be held out")
    assert "if it learnt from any of them, the numbers flatter" in measured["warning"]


def test_precisions_are_compared(finished: Run) -> None:
    def compared(*precisions: str) -> dict[str, Any]:
        options = [word for precision in precisions for word in ("--precision", precision)]
        code, out = invoke("compare", finished.folder, finished.folder, *options, "--json")
        assert code == 0
        found = json.loads(out)
        assert isinstance(found, dict)
        return found

    found = compared("fp32", "int8")
    assert [found[side]["precision"] for side in ("first", "second")] == ["fp32", "int8"]
    assert found["second"]["correct"] == finished.metrics("int8").correct
    for same in ((), ("int8",)):  # given once it holds for both
        with pytest.raises(NotComparable, match="the same graph" if not same else r"\(int8\) are the same graph"):
            compared(*same)
    assert invoke("compare", "a", "b", *("--precision", "fp32") * 3)[0] == 2


def test_describe_shows_a_table_or_json(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path)
    code, out = invoke("describe", recipe, "--classes", "4")
    assert code == 0
    assert "recipe tiny: 16 x 16 x 3 to 4 classes" in out
    code, out = invoke("describe", recipe, "--set", "architecture.head.bias=false", "--json")
    found = json.loads(out)
    assert (code, found["layers"][-1]["output"], found["assumed_classes"]) == (0, [10], True)
    assert found["parameters"] == sum(row["parameters"] for row in found["layers"])


@pytest.mark.parametrize(
    "command", ["train", "evaluate", "compare", "describe", "publish", "recipes", "runs list", "runs show"]
)
def test_help_has_an_example(command: str) -> None:
    code, out = invoke(*command.split(), "--help")
    assert code == 0
    assert f"Example: whatsit {command} " in " ".join(out.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["train", "cifar10", "--epochs", "0"],
        ["train", "cifar10", "--track", "paper"],
        ["publish", "runs/x"],
        ["evaluate", "a", "b"],
        ["compare", "a"],
        ["compare", "a", "b", "--precision", "int4"],
        ["runs", "list", "--sort", "luck"],
        ["runs", "show"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert invoke(*arguments)[0] == 2


def test_what_fails_is_a_named_error_that_the_command_line_turns_into_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipe, match=r"fit\.epoch"):
        invoke("train", recipe_file(tmp_path), "--set", "fit.epoch=3")
    command = [sys.executable, "-m", "service.cli.main", "train", "nonesuch"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "200"})
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no recipe 'nonesuch'")
    assert len(done.stderr.splitlines()) == 1


def test_runs_are_listed_sorted_and_shown(finished: Run, tmp_path: Path) -> None:
    for name, correct in (("good", 29), ("bad", 3), ("middling", 15)):
        run = Run(shutil.copytree(finished.folder, tmp_path / name))
        metrics = run.metrics().model_copy(update={"correct": correct, "accuracy": correct / 30})
        run.metrics_file.write_text(metrics.model_dump_json())

    def names(*arguments: str) -> list[str]:
        code, out = invoke("runs", "list", "--runs", tmp_path, "--json", *arguments)
        assert code == 0
        return [entry["facts"]["run"] for entry in json.loads(out)]

    assert names("--sort", "accuracy") == ["good", "middling", "bad"]
    assert names("--sort", "name") == ["bad", "good", "middling"]
    assert names("--recipe", "tiny", "--recipe", "other") == []
    assert len(names("--recipe", "tiny")) == 3

    code, out = invoke("runs", "list", "--runs", tmp_path)
    assert code == 0
    assert "96.67%" in out
    assert "finished" in out
    code, out = invoke("runs", "show", tmp_path / "bad")
    assert code == 0
    assert "10.00%" in out
    assert finished.splits().fingerprint[:30] in out
    code, out = invoke("runs", "show", tmp_path / "good", "--json")
    assert (code, json.loads(out)["records"]) == (0, [])
    with pytest.raises(RunUnusable, match="is not a folder: say where"):
        invoke("runs", "list", "--runs", tmp_path / "nowhere")


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(
        TrainingNotInstalled, match=r"training needs torch: make training, or .*--editable '\.\[training\]'"
    ):
        invoke("train", "cifar10")


def test_all_packages_of_the_extra_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = [re.split("[^a-z0-9-]", wanted)[0] for wanted in project["optional-dependencies"]["training"]]
    monkeypatch.setattr(options, "find_spec", lambda name: None)
    with pytest.raises(TrainingNotInstalled, match=f"training needs {', '.join(extra)}: "):
        options.require_torch()


def test_help_needs_no_torch() -> None:
    code = "import sys, training.cli; sys.exit(int('torch' in sys.modules or 'lightning' in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_interruption_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, drawings: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.train.fit", interrupted)
    words = ["train", str(recipe_file(tmp_path)), "--data", str(drawings), "--output", str(tmp_path / "run")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 130
    assert "--resume" in result.stderr
