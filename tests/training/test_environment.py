import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version

import onnxruntime
import pytest
import torch

from training import environment


def test_the_commit_is_that_of_this_code() -> None:
    commit = environment.git_commit()
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", commit)


def test_outside_git_there_is_no_commit(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(environment, "_ROOT", tmp_path)
    assert environment.git_commit() is None


def test_the_commit_of_what_lies_around_is_not_taken_for_ones_own(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(environment, "_ROOT", tmp_path)
    for command in ("init -q", "-c user.name=t -c user.email=t@t commit -q --allow-empty -m x"):
        subprocess.run(["git", "-C", str(tmp_path), *command.split()], check=True)
    assert environment.git_commit()
    (tmp_path / "inside").mkdir()
    monkeypatch.setattr(environment, "_ROOT", tmp_path / "inside")
    assert environment.git_commit() is None


def test_onnxruntime_is_named_whichever_build_is_installed(monkeypatch) -> None:
    def gpu_only(name: str) -> str:
        if name == "onnxruntime":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(environment, "version", gpu_only)
    assert environment.packages()["onnxruntime"] == onnxruntime.__version__


@pytest.mark.parametrize(
    ("threads", "processes", "told"),
    [(1, 1, "1 of 8 cores"), (2, 3, "6 of 8 cores"), (8, 1, "8 cores"), (8, 2, "8 cores")],
)
def test_cores_that_did_not_train_are_not_taken_for_such(
    threads: int, processes: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert environment.hardware() == f"{environment.processor()}, {told}"


def test_packages_and_hardware_are_named() -> None:
    packages = environment.packages()
    assert packages["python"] == platform.python_version()
    assert packages["torch"].startswith("2.")
    assert environment.hardware().strip()
