"""Every benchmark that the documentation names is there, and says what it does before it does it."""

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"python -m (benchmarks\.\w+)")


def named() -> set[str]:
    """The modules that documents, docstrings and the Makefile name."""
    folders = (ROOT / folder for folder in ("benchmarks", "docs", "models", "service", "training"))
    texts = [path for folder in folders for path in (*folder.rglob("*.py"), *folder.rglob("*.md"))]
    return {
        name for path in (*texts, *ROOT.glob("*.md"), ROOT / "Makefile") for name in _NAMED.findall(path.read_text())
    }


def test_those_that_are_there_are_named() -> None:
    files = {path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")}
    packages = {path.parent.name for path in (ROOT / "benchmarks").glob("*/__main__.py")}
    assert named() == {f"benchmarks.{name}" for name in files | packages}


@pytest.mark.parametrize("module", sorted(named()))
def test_help_is_printed_at_once(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    for loaded in (module, f"{module}.__main__"):  # else runpy warns
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    with pytest.raises(SystemExit) as end:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert end.value.code == 0
    assert f"python -m {module}" in capsys.readouterr().out
