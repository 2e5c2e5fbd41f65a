"""Training in two processes under torchrun, on the CPU with gloo, against training in one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.support import recipe_file, tiny_recipe
from tests.training.together import together
from training.config import Recipe
from training.data.dataset import load_dataset
from training.data.folder import FolderSource
from training.errors import RunUnusable
from training.fit import fit
from training.processes import rank
from training.run import EpochMetrics, Run

PLAIN = (
    "architecture.blocks.0.batch_norm=false",
    "architecture.blocks.1.batch_norm=false",
    "augment.flip=none",
    "augment.translate=0",
    "fit.precision=float32",
)


def train(folder: Path, data: Path, name: str, changes: tuple[str, ...] = (), processes: int = 1) -> Run:
    output = folder / name
    command = ["train", str(recipe_file(folder)), "--data", str(data), "--output", str(output)]
    sets = [part for change in changes for part in ("--set", change)]
    launcher = ["torch.distributed.run", "--nproc-per-node", str(processes), "-m"] if processes > 1 else []
    python = [sys.executable, "-m", *launcher, "service.cli.main", *command, *sets]
    done = subprocess.run(python, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 3/3") == 1  # one of them speaks
    assert done.stdout.count("next: whatsit publish") == 1
    return Run(output)


def losses(history: list[EpochMetrics]) -> list[float]:
    return [loss for row in history for loss in (row.train_loss, row.validation_loss)]


def test_two_processes_compute_what_one_computes(drawings: Path, tmp_path: Path) -> None:
    one = train(tmp_path, drawings, "one", PLAIN)
    two = train(tmp_path, drawings, "two", PLAIN, processes=2)
    # Without batch norm and augmentation nothing but the order of sums differs.
    assert losses(two.history()) == pytest.approx(losses(one.history()), rel=1e-3)
    assert two.metrics().correct == one.metrics().correct
    assert two.splits() == one.splits()


def test_with_batch_norm_and_augmentation_they_reach_the_same(drawings: Path, tmp_path: Path) -> None:
    one = train(tmp_path, drawings, "one", ("fit.average=0.5",))
    two = train(tmp_path, drawings, "two", ("fit.average=0.5",), processes=2)
    assert abs(two.metrics().accuracy - one.metrics().accuracy) <= 0.1
    assert losses(two.history()) != losses(one.history())  # each process augments in its own way


def fit_apart(recipe: Recipe, data: Path, folders: tuple[Path, Path]) -> None:
    """As on two machines, each with a disk of its own."""
    fit(recipe, load_dataset(FolderSource(data), recipe), Run(folders[rank()]))


def test_processes_that_find_other_runs_do_not_go_on(drawings: Path, tmp_path: Path) -> None:
    recipe, folders = tiny_recipe(tmp_path, "fit.epochs=1"), (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    fit(recipe, load_dataset(FolderSource(drawings), recipe), Run(folders[0]))
    refusals = together(fit_apart, tiny_recipe(tmp_path, "fit.epochs=2"), drawings, folders)
    for folder, refusal in zip(folders, refusals, strict=True):
        assert isinstance(refusal, RunUnusable)
        assert str(refusal) == (
            f"the first process found 1 epochs done in {folder}, process 1 found 0: "
            "--output must be on a disk that all nodes share"
        )
