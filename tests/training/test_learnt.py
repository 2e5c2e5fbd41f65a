from dataclasses import replace
from pathlib import Path

import pytest

from models.manifest import Origin
from tests.training.support import tiny_recipe, write_classes
from tests.training.test_run import INFO
from training.config import Recipe
from training.data.dataset import Dataset, load_dataset
from training.data.folder import FolderSource
from training.learnt import NOTHING_KNOWN, Learnt, Seen, count_learnt, doubt, keep_learnt, learnt_by_run, spares_test
from training.run import Run, write_model

ORIGIN = Origin(kind="run", name="old", epoch=3, sha256="ab" * 32, layers=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images without splits."""
    return write_classes(tmp_path_factory.mktemp("data"), 12)


def read(folder: Path, recipe: Recipe) -> Dataset:
    return load_dataset(FolderSource(folder), recipe)


def trained(folder: Path, recipe: Recipe, run: Run, before: Run | None = None) -> Run:
    """A run as it is when its fit begins, with the weights of ``before`` where there is one."""
    run.begin(recipe, INFO)
    origin, learnt = (None, NOTHING_KNOWN) if before is None else (ORIGIN, learnt_by_run(before))
    keep_learnt(recipe, read(folder, recipe), run, origin, learnt)
    return run


def in_both(folder: Path, first: Recipe, second: Recipe) -> int:
    """Test images of the second that the first learns from, counted by their names."""
    ours, theirs = read(folder, first).record.keys, read(folder, second).record.keys
    return len({*ours["train"], *ours["validation"]} & {*theirs["test"]})


@pytest.mark.parametrize("size", [16, 12])
def test_test_images_that_the_weights_have_learnt_from_are_counted_and_warned_of(
    size: int, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each training knows the images as its own input makes them."""
    first = tiny_recipe(tmp_path)
    second = tiny_recipe(tmp_path, "seed=99", f"input.height={size}", "transfer.weights=old")
    old = trained(folder, first, Run(tmp_path / "old"))
    new = trained(folder, second, Run(tmp_path / "new"), old)
    count = in_both(folder, first, second)
    assert 0 < count < 6
    origin = new.info().origin
    assert origin == ORIGIN.model_copy(update={"learnt_test_images": count})
    told = capsys.readouterr().err
    assert f"the weights that the training began with, the run old, epoch 3, learnt from {count} images of" in told
    assert spares_test("old", origin) is False


def test_the_same_splits_are_spared_in_silence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tiny_recipe(tmp_path, "transfer.weights=old")
    old = trained(folder, tiny_recipe(tmp_path), Run(tmp_path / "old"))
    origin = trained(folder, recipe, Run(tmp_path / "new"), old).info().origin
    assert origin is not None
    assert origin.learnt_test_images == 0
    assert doubt(recipe, origin) is None
    assert capsys.readouterr().err == ""


def test_what_weights_learnt_long_ago_is_not_forgotten(folder: Path, tmp_path: Path) -> None:
    """The second training has another test split than the first, the third has that of the second."""
    first, last = tiny_recipe(tmp_path), tiny_recipe(tmp_path, "seed=99", "transfer.weights=old")
    runs = [trained(folder, first, Run(tmp_path / "0"))]
    for name in "12":
        runs.append(trained(folder, last, Run(tmp_path / name), runs[-1]))
    counts = [origin.learnt_test_images for run in runs[1:] if (origin := run.info().origin) is not None]
    assert counts == [in_both(folder, first, last)] * 2
    assert len(learnt_by_run(runs[-1]).seen) == 1  # all saw the same input


def test_of_weights_without_a_list_nothing_is_claimed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run = tiny_recipe(tmp_path, "transfer.weights=imagenet.pth"), Run(tmp_path / "run")
    run.begin(recipe, INFO)
    keep_learnt(recipe, read(folder, recipe), run, replace_kind("file"), NOTHING_KNOWN)
    origin = run.info().origin
    assert origin is not None
    assert origin.learnt_test_images is None
    assert spares_test("imagenet.pth", origin) is None
    told = capsys.readouterr().err
    assert "whether the weights that the training began with, old (sha256 abababab), learnt from images of its" in told
    assert "warning" not in told
    # Nor for whoever begins with this run; but it has learnt from some itself.
    data = read(folder, recipe)
    assert count_learnt(learnt_by_run(run), data, recipe.input) is None
    other = tiny_recipe(tmp_path, "seed=99")
    assert count_learnt(learnt_by_run(run), read(folder, other), other.input) == in_both(folder, recipe, other)


def replace_kind(kind: str) -> Origin:
    return Origin.model_validate(ORIGIN.model_dump() | {"kind": kind, "epoch": None})


def test_an_older_run_knows_its_test_split_alone(folder: Path, tmp_path: Path) -> None:
    recipe, other = tiny_recipe(tmp_path), tiny_recipe(tmp_path, "seed=99")
    run, data = Run(tmp_path / "run"), read(folder, recipe)
    run.begin(recipe, INFO)
    write_model(run.splits_file, data.record)
    assert count_learnt(learnt_by_run(run), data, recipe.input) == 0
    assert count_learnt(learnt_by_run(run), read(folder, other), recipe.input) is None
    write_model(run.recipe_file, tiny_recipe(tmp_path, "transfer.weights=older"))
    assert learnt_by_run(run) == NOTHING_KNOWN


def test_an_older_run_that_began_with_weights_is_doubted_by_their_name(tmp_path: Path) -> None:
    told = doubt(tiny_recipe(tmp_path, "transfer.weights=/home/me/old"), None)
    assert told == (
        "whether the weights that the training began with, old, learnt from images of its test split is not known"
    )


def test_an_image_of_another_split_only_is_not_counted(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    data = read(folder, recipe)
    train = [data.decoded.digests[row] for row in data.splits.train]
    seen = Seen(input=recipe.input, images=tuple(digest.hex() for digest in train if digest))
    assert count_learnt(Learnt(seen=(seen,), complete=True), data, recipe.input) == 0
    leaky = replace(data, splits=replace(data.splits, test=data.splits.train[:5]))
    assert count_learnt(Learnt(seen=(seen,), complete=True), leaky, recipe.input) == 5
