import platform
import re

from training import environment


def test_the_commit_is_that_of_this_code() -> None:
    commit = environment.git_commit()
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", commit)


def test_outside_git_there_is_no_commit(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(environment, "_ROOT", tmp_path)
    assert environment.git_commit() is None


def test_packages_and_hardware_are_named() -> None:
    packages = environment.packages()
    assert packages["python"] == platform.python_version()
    assert packages["torch"].startswith("2.")
    assert environment.hardware().strip()
