import shutil
from pathlib import Path

import pytest
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins import MixedPrecision

from tests.training.support import tiny_recipe
from tests.training.test_run import INFO
from training.config import Recipe
from training.data.augment import Augment, to_unit
from training.data.dataset import Dataset, load_dataset
from training.data.folder import FolderSource
from training.errors import Diverged, RunUnusable
from training.finish import best_network
from training.fit import fit
from training.network import build_network
from training.run import EpochMetrics, Run, best_epoch, least_loss, load_checkpoint, save_checkpoint
from training.seed import seed_everything


@pytest.fixture(scope="module")
def data(drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(FolderSource(drawings), tiny_recipe(tmp_path_factory.mktemp("recipe")))


def run_in(folder: Path) -> Run:
    folder.mkdir()
    return Run(folder)


def numbers(history: list[EpochMetrics]) -> list[dict[str, float]]:
    return [row.model_dump(exclude={"seconds"}) for row in history]


def weights(run: Run) -> torch.Tensor:
    return torch.cat([value.flatten().float() for value in load_checkpoint(run.last)["network"].values()])


def test_it_learns(data: Dataset, tmp_path: Path) -> None:
    history = fit(tiny_recipe(tmp_path, "fit.epochs=6"), data, run_in(tmp_path / "run"))
    assert [row.epoch for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1].train_loss < history[0].train_loss / 2
    assert history[-1].validation_accuracy > 0.9


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(data: Dataset, tmp_path: Path) -> None:
    one = tiny_recipe(tmp_path, "fit.epochs=1")
    first = fit(one, data, run_in(tmp_path / "a"))
    assert numbers(fit(one, data, run_in(tmp_path / "b"))) == numbers(first)
    assert numbers(fit(tiny_recipe(tmp_path, "fit.epochs=1", "seed=4"), data, run_in(tmp_path / "c"))) != numbers(first)


def test_a_resumed_run_is_the_uninterrupted_one(data: Dataset, tmp_path: Path) -> None:
    changes = ["fit.epochs=3", "architecture.head.dropout=0.3", "optimizer.name=adamw", "optimizer.learning_rate=0.01"]
    recipe = tiny_recipe(tmp_path, *changes)
    whole, cut = run_in(tmp_path / "whole"), run_in(tmp_path / "cut")
    history = fit(recipe, data, whole)
    _stop_after_two(recipe, data, cut)
    assert len(cut.history()) == 2
    assert numbers(fit(recipe, data, cut)) == numbers(history)
    assert torch.equal(weights(whole), weights(cut))


def _stop_after_two(recipe: Recipe, data: Dataset, run: Run) -> None:
    def stop(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.fit.say", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, data, run)


def test_the_best_checkpoint_is_of_the_best_epoch(data: Dataset, tmp_path: Path) -> None:
    run = run_in(tmp_path / "run")
    # A rate that is far too high from the second half on makes a later epoch worse than an earlier one.
    recipe = tiny_recipe(tmp_path, "fit.epochs=6", "schedule.name=constant", "optimizer.learning_rate=0.8")
    history = fit(recipe, data, run)
    best = best_epoch(history)
    assert best is not None
    assert load_checkpoint(run.best)["epoch"] == best.epoch
    assert load_checkpoint(run.last)["epoch"] == 6


def test_patience_ends_a_run_that_no_longer_improves(data: Dataset, tmp_path: Path) -> None:
    run = run_in(tmp_path / "run")
    recipe = tiny_recipe(
        tmp_path, "fit.epochs=40", "fit.patience=2", "schedule.name=constant", "optimizer.learning_rate=1e-12",
        "augment.flip=none", "architecture.blocks.0.batch_norm=false", "architecture.blocks.1.batch_norm=false",
    )  # fmt: skip
    history = fit(recipe, data, run)
    least = least_loss(history)
    assert least is not None
    assert len(history) == least.epoch + 2 < 40
    assert fit(recipe, data, run) == history  # nothing is left to do on resume


def test_a_loss_that_is_no_number_is_an_error(data: Dataset, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path, "optimizer.learning_rate=1e30", "schedule.name=constant")
    with pytest.raises(Diverged, match=r"try a lower optimizer\.learning_rate, or .* fit\.clip"):
        fit(recipe, data, run_in(tmp_path / "run"))


def test_clipped_gradients_bound_a_step(data: Dataset, tmp_path: Path) -> None:
    lengths = []
    for number, clip in enumerate((0, 1000, 0.01)):
        run = run_in(tmp_path / str(number))
        recipe = tiny_recipe(
            tmp_path, "fit.epochs=1", "fit.steps=1", "fit.precision=float32", f"fit.clip={clip}",
            "schedule.name=constant", "optimizer={name='sgd', learning_rate=0.5, momentum=0, nesterov=false}",
        )  # fmt: skip
        seed_everything(recipe.seed, "network")
        before = build_network(recipe, 3)
        fit(recipe, data, run)
        after = load_checkpoint(run.last)["trained"]
        learning = [(name, parameter) for name, parameter in before.named_parameters() if parameter.requires_grad]
        lengths.append(torch.cat([(after[name] - parameter).flatten() for name, parameter in learning]).norm().item())
    assert lengths[0] > 1
    assert lengths == pytest.approx([lengths[0], lengths[0], 0.5 * 0.01], rel=1e-3)


def test_fewer_images_than_a_batch_are_one_batch(data: Dataset, tmp_path: Path) -> None:
    history = fit(tiny_recipe(tmp_path, "fit.batch_size=4096", "fit.epochs=1"), data, run_in(tmp_path / "run"))
    assert history[0].train_loss > 0


def test_a_kill_between_the_two_checkpoints_loses_nothing(data: Dataset, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path, "fit.epochs=3")
    run, cut = run_in(tmp_path / "run"), run_in(tmp_path / "cut")
    _stop_after_two(recipe, data, cut)
    older = load_checkpoint(cut.best)
    history = fit(recipe, data, run)
    assert best_epoch(history) is history[2]
    assert history[2].epoch > older["epoch"]
    shutil.copy(run.last, cut.last)  # as if killed after writing the last of epoch 3, before the best
    assert numbers(fit(recipe, data, cut)) == numbers(history)
    assert load_checkpoint(cut.best)["epoch"] == 3
    assert best_network(recipe, data, cut).state_dict().keys() == older["network"].keys()


def test_a_best_checkpoint_of_another_epoch_is_refused(data: Dataset, tmp_path: Path) -> None:
    recipe, run = tiny_recipe(tmp_path, "fit.epochs=1"), run_in(tmp_path / "run")
    fit(recipe, data, run)
    save_checkpoint(run.best, load_checkpoint(run.best) | {"epoch": 2})
    with pytest.raises(RunUnusable, match="is of epoch 2, which is not the best of the history"):
        best_network(recipe, data, run)


def test_the_scale_of_gradients_goes_on_where_it_was(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_fp16(_: Recipe) -> Fabric:
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        return Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])

    monkeypatch.setattr("training.fit.make_fabric", in_fp16)
    run = run_in(tmp_path / "run")
    fit(tiny_recipe(tmp_path, "fit.epochs=1"), data, run)
    content = load_checkpoint(run.last)
    assert content["precision"]["scale"] == 1024
    save_checkpoint(run.last, content | {"precision": content["precision"] | {"scale": 64.0}})
    fit(tiny_recipe(tmp_path, "fit.epochs=2"), data, run)
    assert load_checkpoint(run.last)["precision"]["scale"] == 64


def test_a_checkpoint_of_an_older_version_is_refused(data: Dataset, tmp_path: Path) -> None:
    run = run_in(tmp_path / "run")
    fit(tiny_recipe(tmp_path, "fit.epochs=1"), data, run)
    content = load_checkpoint(run.last)
    del content["trained"]
    save_checkpoint(run.last, content)
    with pytest.raises(RunUnusable, match="older version: begin again"):
        fit(tiny_recipe(tmp_path, "fit.epochs=2"), data, run)


def test_every_image_is_trained_on_in_every_epoch(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        Augment, "__call__", lambda _, pixels, rows, epoch: seen.extend(rows.tolist()) or to_unit(pixels)
    )
    recipe = tiny_recipe(tmp_path, "fit.epochs=1", "fit.batch_size=16", "schedule.end=0")
    history = fit(recipe, data, run_in(tmp_path / "run"))
    assert sorted(seen) == list(range(108))
    assert history[0].learning_rate == pytest.approx(0, abs=1e-9)  # the schedule ends with the last batch


def test_an_average_of_the_weights_is_what_is_validated_and_kept(data: Dataset, tmp_path: Path) -> None:
    run = run_in(tmp_path / "run")
    recipe = tiny_recipe(tmp_path, "fit.epochs=2", "fit.average=0.8")
    fit(recipe, data, run)
    saved = load_checkpoint(run.last)
    name = next(name for name in saved["network"] if name.endswith("weight") and "body.2" in name)
    assert not torch.equal(saved["network"][name], saved["trained"][name])
    best = best_network(recipe, data, run)
    assert torch.equal(best.state_dict()[name], load_checkpoint(run.best)["network"][name])


def test_a_resumed_average_is_the_uninterrupted_one(data: Dataset, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path, "fit.epochs=3", "fit.average=0.8", "augment.mixup=0.2", "fit.balance=weights")
    whole, cut = run_in(tmp_path / "whole"), run_in(tmp_path / "cut")
    history = fit(recipe, data, whole)
    _stop_after_two(recipe, data, cut)
    assert numbers(fit(recipe, data, cut)) == numbers(history)
    assert torch.equal(weights(whole), weights(cut))


def test_taken_weights_are_frozen_and_then_learn(data: Dataset, tmp_path: Path) -> None:
    first = run_in(tmp_path / "first")
    fit(tiny_recipe(tmp_path, "fit.epochs=1"), data, first)
    before = load_checkpoint(first.best)["network"]
    transfer = (f"transfer.weights={first.folder}", "transfer.freeze=1", "transfer.rate=0.5")
    second = run_in(tmp_path / "second")
    second.note(INFO)
    _recipe_of(first, tmp_path)
    heard: list[int] = []
    recipe = tiny_recipe(tmp_path, "fit.epochs=2", *transfer)
    states: list[dict[str, torch.Tensor]] = []

    def note(row: EpochMetrics) -> None:
        heard.append(row.epoch)
        states.append(load_checkpoint(second.last)["network"])

    fit(recipe, data, second, on_epoch=note)
    assert heard == [1, 2]
    convolutions = [name for name in before if name.endswith("weight") and before[name].ndim == 4]
    norms = [name for name in before if "running_mean" in name]
    assert all(torch.equal(states[0][name], before[name]) for name in convolutions + norms)
    trained = [name for name in convolutions if not name.startswith("body.0.")]  # the stem never learns
    assert [name for name in trained if torch.equal(states[1][name], before[name])] == []


def _recipe_of(run: Run, folder: Path) -> None:
    """What a run needs besides its weights for another to begin with them."""
    run.recipe_file.write_text(tiny_recipe(folder).model_dump_json(), encoding="utf-8")


@pytest.mark.usefixtures("narrow_vgg16")
def test_vgg16_learns_and_another_head_is_put_on_its_frozen_features(drawings: Path, tmp_path: Path) -> None:
    def recipe(dense: str, *changes: str) -> Recipe:
        vgg16 = f"architecture={{name='vgg16', batch_norm=true, pool=1, dense={dense}}}"
        return tiny_recipe(
            tmp_path, "input.height=32", "input.width=32", "optimizer.learning_rate=0.1", vgg16, *changes
        )

    first, second = run_in(tmp_path / "first"), run_in(tmp_path / "second")
    data = load_dataset(FolderSource(drawings), recipe("[12]"))
    history = fit(recipe("[12]"), data, first)
    assert history[-1].train_loss < history[0].train_loss
    first.recipe_file.write_text(recipe("[12]").model_dump_json(), encoding="utf-8")
    second.note(INFO)
    fit(recipe("[]", "fit.epochs=1", f"transfer.weights={first.folder}", "transfer.freeze=1"), data, second)
    before, after = load_checkpoint(first.best)["network"], load_checkpoint(second.last)["network"]
    features = [name for name in before if "features" in name and not name.endswith("num_batches_tracked")]
    assert len(features) == 13 * 6
    assert all(torch.equal(before[name], after[name]) for name in features)
    assert after["body.classifier.0.weight"].shape == (3, 16)
    origin = second.info().origin
    assert origin is not None
    assert (origin.kind, origin.name, origin.layers) == ("run", "first", 13)
