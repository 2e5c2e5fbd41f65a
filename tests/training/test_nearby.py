from pathlib import Path

import pytest

from training.nearby import runs_near, why_neither


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven runs in ``runs``, and a folder that is none."""
    monkeypatch.chdir(tmp_path)
    for name in ("cars", "pets", "pets-2", "birds", "fish", "trees", "boats"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "recipe.json").touch()
    (tmp_path / "runs" / "ptes-notes").mkdir()


@pytest.mark.parametrize("meant", ["runs/ptes", "run/ptes", "ptes"])
def test_the_likeliest_runs_come_first(meant: str) -> None:
    clause = runs_near(Path(meant))
    assert clause.startswith("; known runs: runs/pets, runs/trees, runs/pets-2, ")
    assert clause.endswith(" and 2 more")
    assert clause.count("runs/") == 5


def test_runs_beside_a_path_go_before_others(tmp_path: Path) -> None:
    (tmp_path / "old" / "pets").mkdir(parents=True)
    (tmp_path / "old" / "pets" / "recipe.json").touch()
    assert runs_near(Path("old/ptes")) == "; known runs: old/pets"


def test_a_path_is_not_told_what_a_model_is_called() -> None:
    error = ValueError("there is no model 'x'")
    assert why_neither("x", error).startswith(": there is no model 'x'; known runs: runs/")
    assert why_neither("runs/x", error).startswith("; known runs: runs/")


def test_without_runs_none_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert runs_near(Path("ptes")) == ""
