from pathlib import Path

import numpy as np
import pytest
from lightning.fabric import Fabric

from models.preprocess import Pixels
from models.runtime import Session
from tests.training.support import tiny_recipe
from training.calibrate import calibrate
from training.data.dataset import Dataset, load_dataset
from training.data.folder import FolderSource
from training.device import make_fabric
from training.export import Served
from training.finish import best_network, finish
from training.fit import fit, predict
from training.report.evidence import read_answers
from training.run import Run
from training.scores import calibration_error, without_temperature


@pytest.fixture
def data(drawings: Path, tmp_path: Path) -> Dataset:
    return load_dataset(FolderSource(drawings), tiny_recipe(tmp_path, "data.validation=0.7"))


def test_temperature_and_threshold_are_those_of_float32(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed(*_: object) -> Fabric:
        return Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")

    recipe, run = tiny_recipe(tmp_path, "fit.epochs=1"), Run(tmp_path)
    in_float32 = make_fabric(recipe.fit.model_copy(update={"precision": "float32"}))
    monkeypatch.setattr("training.fit.make_fabric", mixed)
    monkeypatch.setattr("training.finish.make_fabric", mixed, raising=False)
    fit(recipe, data, run)
    finish(recipe, data, run)
    logits = predict(in_float32, best_network(recipe, data, run), data, "validation")
    expected, answers = calibrate(logits, data.targets[data.splits.validation], recipe.decision), read_answers(run)
    measured = run.calibration()
    assert measured == expected.measured(answers.probabilities, answers.targets, recipe.decision)
    assert measured.conformal is not None
    plain = without_temperature(answers.probabilities, expected.temperature)
    assert run.metrics().uncalibrated_error == calibration_error(plain, answers.targets)


def test_parity_looks_at_every_class(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Pixels] = []

    def note(served: Served, session: Session, pixels: Pixels) -> float:
        looked_at.extend(pixels)
        return 0.0

    recipe, run = tiny_recipe(tmp_path, "fit.epochs=1"), Run(tmp_path)
    monkeypatch.setattr("training.finish.check_parity", note)
    fit(recipe, data, run)
    finish(recipe, data, run)
    rows = data.splits.validation
    classes = [data.targets[row] for row in rows if any((data.pixels[row] == pixels).all() for pixels in looked_at)]
    assert len(looked_at) == len(classes) == 64 < len(rows)
    assert min(np.bincount(classes, minlength=3)) >= 20
