from pathlib import Path

import numpy as np
import pytest

from benchmarks import epochs
from tests.training.support import recipe_file, write_classes
from training.run import best_epoch

TARGETS = np.tile([0, 1], 50)


def logits(*sureness: float, right: int = 90) -> np.ndarray:
    """Epochs that are right of the same images, and the surer of themselves the greater the number."""
    guesses = np.where(np.arange(len(TARGETS)) < right, TARGETS, 1 - TARGETS)
    return np.stack([np.eye(2, dtype=np.float32)[guesses] * sure for sure in sureness])


def test_epochs_are_judged_as_training_does() -> None:
    seen = epochs.see(np.concatenate([logits(8), logits(2, right=80), logits(4)]), TARGETS)
    assert [row.validation_accuracy for row in seen.history] == [0.9, 0.8, 0.9]
    first, second, third = seen.history
    assert first.calibrated_loss == pytest.approx(third.calibrated_loss)  # the temperature mends how sure they are
    assert first.validation_loss > third.validation_loss
    assert second.calibrated_loss > first.calibrated_loss
    best = best_epoch(seen.history)
    assert best is not None
    assert epochs.chosen(seen) == best.epoch - 1 == 2


def test_each_rule_chooses_its_own() -> None:
    """The third is a little worse, which is more than chance where the same images are compared one by one."""
    worse = logits(2, right=88)
    seen = epochs.see(np.concatenate([logits(8), logits(2), worse, logits(2, right=50)]), TARGETS)
    places = {rule: choose(seen) for rule, choose in epochs.RULES.items()}
    assert places.pop("least calibrated loss") in {0, 1}  # the temperature makes one of the two
    assert places == {
        "least plain loss": 1,
        "within one error of it (training)": 2,
        "within one paired error of it": 1,
        "last": 3,
    }


def test_it_trains_and_says_what_each_rule_is_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_classes(tmp_path / "data", 12)
    monkeypatch.setattr(epochs, "IMAGES", (5, 2000))
    monkeypatch.setattr(epochs, "DRAWS", 2)
    monkeypatch.setattr("sys.argv", ["epochs", str(recipe_file(tmp_path)), str(data), "--set", "fit.epochs=2"])
    epochs.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if "images, " in line]
    assert [row.partition(":")[0].strip() for row in rows] == [f"5 images, {rule}" for rule in epochs.RULES]
    assert "last: epoch 2.0, " in rows[-1]
