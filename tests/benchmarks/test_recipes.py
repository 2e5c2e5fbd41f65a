import json
from pathlib import Path

import pytest

from benchmarks import recipes
from tests.training.report.support import made_up_run
from training.config import load_recipe, recipe_names
from training.run import Run, write_model


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished run that says it is of the recipe ``letters``, as that stands; the results go elsewhere."""
    run = made_up_run(tmp_path, ("a", "b"))
    write_model(run.recipe_file, load_recipe("letters"))
    run.note(run.info().model_copy(update={"recipe_name": "letters", "data_path": "/home/me/letters"}))
    monkeypatch.setattr(recipes, "RESULTS", tmp_path / "recipes.jsonl")
    return run


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str:
    monkeypatch.setattr("sys.argv", ["recipes", *map(str, arguments)])
    recipes.main()
    return capsys.readouterr().out


def row_of(table: str, recipe: str) -> str:
    (row,) = [line for line in table.splitlines() if line.startswith(f"| `{recipe}`")]
    return row


def test_a_run_is_noted_with_hardware_and_commit(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = printed(capsys, monkeypatch, run.folder.parent, "--note")
    assert row_of(table, "letters").startswith("| `letters` | ")
    assert "| paper | c0ffee |" in table
    assert f"{run.metrics().accuracy:.2%}" in table
    assert "/home" not in recipes.RESULTS.read_text()
    assert printed(capsys, monkeypatch) == table


def test_nothing_is_noted_unless_that_is_asked_for(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "| c0ffee |" in printed(capsys, monkeypatch, run.folder.parent)
    assert not recipes.RESULTS.exists()


@pytest.mark.parametrize("recipe", ["folder", "mine"])
def test_runs_on_images_of_ones_own_are_left_out(
    recipe: str, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.note(run.info().model_copy(update={"recipe_name": recipe}))
    assert "c0ffee" not in printed(capsys, monkeypatch, run.folder.parent, "--note")
    assert recipes.RESULTS.read_text() == ""


def test_each_commit_that_trained_it_is_named(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    info = run.info()
    later = info.first.model_copy(update={"git_commit": "decade-dirty", "epochs": 2})
    run.note(info.model_copy(update={"starts": (info.first, later)}))
    assert "| c0ffee, decade-dirty |" in printed(capsys, monkeypatch, run.folder.parent)


def test_every_recipe_has_a_row_that_says_why_there_is_no_run(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = printed(capsys, monkeypatch, run.folder.parent)
    head, *rows = [line.count("|") for line in table.splitlines() if line.startswith("|")]
    assert len(rows) == 1 + len(recipe_names())  # and the line below the head
    assert {head} == set(rows)
    assert "not run" not in row_of(table, "letters")
    assert "not run: for images of your own" in row_of(table, "folder")
    assert "not run: needs ImageNet weights" in row_of(table, "intel-vgg16-tutorial")
    assert row_of(table, "intel-vgg16-tutorial").endswith("| 18 % |")
    assert "not run: not yet" in row_of(table, "cifar10")


def test_a_row_of_another_recipe_than_now_is_marked(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(run.recipe_file, load_recipe("letters", ["seed=99", "description=the same in other words"]))
    table = printed(capsys, monkeypatch, run.folder.parent)
    assert "| `letters`\\* | " in table
    assert table.endswith("\n\n\\* Trained otherwise than the recipe says now: `letters` in `seed`.\n")


def test_what_cannot_be_compared_is_marked_too(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed(capsys, monkeypatch, run.folder.parent, "--note")
    row = json.loads(recipes.RESULTS.read_text())
    del row["trained"]
    gone = row | {"recipe": "no-such-recipe"}
    recipes.RESULTS.write_text(f"{json.dumps(row)}\n{json.dumps(gone)}\n")
    assert "`letters` perhaps, for how was not noted; `no-such-recipe` is gone." in printed(capsys, monkeypatch)
