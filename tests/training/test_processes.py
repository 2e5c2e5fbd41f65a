"""Training in two processes under torchrun, on the CPU with gloo, against training in one."""

import subprocess
import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.training.support import recipe_file, tiny_recipe
from tests.training.together import together
from training.config import Recipe
from training.data.dataset import Dataset, load_dataset
from training.data.folder import FolderSource
from training.errors import RunUnusable
from training.fit import fit
from training.processes import rank
from training.run import EpochMetrics, Run
from training.train import Request, train

EXACT = ("augment.flip=none", "augment.translate=0", "fit.precision=float32")
PLAIN = (
    "architecture.blocks.0.batch_norm=false",
    "architecture.blocks.1.batch_norm=false",
    *EXACT,
)


def losses(history: list[EpochMetrics]) -> list[float]:
    return [loss for row in history for loss in (row.train_loss, row.validation_loss)]


def numbers(history: list[EpochMetrics]) -> list[dict[str, float]]:
    return [row.model_dump(exclude={"seconds"}) for row in history]


def test_two_processes_compute_what_one_computes(drawings: Path, tmp_path: Path) -> None:
    """By the real command, from images to a finished run."""
    recipe = tiny_recipe(tmp_path, *PLAIN)
    one, two = train(Request("tiny", recipe, drawings, tmp_path / "one")), Run(tmp_path / "two")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "service.cli.main"]
    command = ["train", str(recipe_file(tmp_path)), "--data", str(drawings), "--output", str(two.folder)]
    sets = [part for change in PLAIN for part in ("--set", change)]
    done = subprocess.run([*launcher, *command, *sets], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 3/3") == 1  # one of them speaks
    assert "normalises" not in done.stderr
    assert "Initializing" not in done.stderr
    assert done.stdout.count("next: whatsit publish") == 1
    # Without batch norm and augmentation nothing but the order of sums differs.
    assert losses(two.history()) == pytest.approx(losses(one.history()), rel=1e-3)
    assert two.metrics().correct == one.metrics().correct
    assert two.splits() == one.splits()
    assert two.info().first.processes == 2


def fit_and_hear(recipe: Recipe, data: Dataset, folder: Path) -> tuple[list[EpochMetrics], str, int]:
    """The history, what was said, and the seed of the last epoch."""
    with redirect_stderr(StringIO()) as told:
        return fit(recipe, data, Run(folder)), told.getvalue(), torch.initial_seed()


class HalvedNorm(nn.BatchNorm2d):
    """A batch norm that takes each half of a batch by itself, and remembers what the first was like."""

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return super().forward(images)
        first, second = images.tensor_split(2)
        normed = functional.batch_norm(second, None, None, self.weight, self.bias, training=True)
        return torch.cat([super().forward(first), normed])


def test_each_normalises_its_share_and_draws_numbers_of_its_own(
    drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny_recipe(tmp_path, "fit.average=0.5", *EXACT)
    data, folders = load_dataset(FolderSource(drawings), recipe), (tmp_path / "one", tmp_path / "two")
    for folder in folders:
        folder.mkdir()
    (two, told, seed), (same, silence, other_seed) = together(fit_and_hear, recipe, data, folders[1])
    assert numbers(two) == numbers(same)
    assert seed != other_seed
    assert told.count("warning: each process normalises 8 images by themselves") == 1
    assert silence == ""
    monkeypatch.setattr(nn, "BatchNorm2d", HalvedNorm)
    one = fit(recipe, data, Run(folders[0]))
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)


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
