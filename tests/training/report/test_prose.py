from dataclasses import replace

import pytest

from models.manifest import ACCEPTS_NOTHING, Conformal, Decision
from tests.training.report.support import data_check, history, made_up_run
from training.curves import crossover
from training.report.content import Content, read_content
from training.report.facts import Rate
from training.report.gain import Gain
from training.report.prose import calibrating, covering, data_facts, deciding, duration, training_facts, turning
from training.run import EpochMetrics, best_epoch


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    return read_content(made_up_run(tmp_path_factory.mktemp("made-up"), ("a", "b")), "x", illustrated=True)


def decided(content: Content, chosen: Rate, **changes: object) -> str:
    decision = Decision(threshold=0.8, accuracy=1, coverage=1).model_copy(update=changes)
    calibration = content.calibration.model_copy(update={"decision": decision})
    accepting = replace(content.acceptance, chosen=chosen, target=0.9)
    return deciding(replace(content, calibration=calibration, acceptance=accepting))


@pytest.mark.parametrize(("right", "said"), [(96, "is kept."), (87, "is within chance of it."), (50, "is missed.")])
def test_a_target_is_kept_or_missed_or_within_chance(content: Content, right: int, said: str) -> None:
    told = decided(content, Rate(100, right, 0.5))
    assert told.startswith(
        "The threshold of 0.800 was chosen on validation, so that accepted answers are right in 90.0%"
    )
    assert f"50.0% of the answers are accepted, and {right}.0% of these are right" in told
    assert told.endswith(said)


def test_thresholds_of_the_classes_are_named_so(content: Content) -> None:
    assert decided(content, Rate(9, 9, 0.1), thresholds=(0.1, 0.2)).startswith("The thresholds of the classes were")


def test_where_nothing_is_accepted_it_says_why(content: Content) -> None:
    nothing = Rate(0, 0, 0)
    assert "every answer is for review" in decided(content, nothing, threshold=ACCEPTS_NOTHING)
    assert "accept no answer of the test split" in decided(content, nothing, thresholds=(0.9, ACCEPTS_NOTHING))


@pytest.mark.parametrize(
    ("held", "coverage", "said"),
    [(96, 0.95, "is kept."), (93, 0.95, "is within chance of it."), (80, 0.95, "is missed.")],
)
def test_what_sets_keep(content: Content, held: int, coverage: float, said: str) -> None:
    conformal = Conformal(coverage=coverage, threshold=0.0123, test_coverage=held / 100, mean_size=1.236)
    calibration = content.calibration.model_copy(update={"conformal": conformal})
    metrics = content.metrics.model_copy(update={"images": 100})
    sets = (("1", Rate(60, held - 30, 0.6)), ("2", Rate(40, 30, 0.4)))
    told = covering(replace(content, calibration=calibration, metrics=metrics, sets=sets))
    assert "scored at least 0.0123" in told
    assert f"do so in {held}.0%" in told
    assert said in told
    assert told.endswith("There are 1.24 on average.")


@pytest.mark.parametrize(
    ("loss", "error", "chance", "helped"),
    [(0.4, 0.01, False, True), (0.49, 0.04, True, True), (0.51, 0.04, True, False), (0.49, 0.06, True, False)],
)
def test_what_calibration_changed(content: Content, loss: float, error: float, chance: bool, helped: bool) -> None:
    told = calibrating(replace(content, gain=Gain(0.5, loss, 0.02, 0.05, error)))
    assert f"is {error:.2%}; it was 5.00% before the temperature of" in told
    assert ("nats, which may be chance." in told) == chance
    assert ("calibration did not help" in told) != helped


def turned(content: Content, rows: list[EpochMetrics]) -> str:
    best = min(rows, key=lambda row: row.validation_loss)
    return turning(replace(content, history=rows, best=best, turn=crossover(rows)))


def test_where_validation_turned(content: Content) -> None:
    told = turned(content, history((1, 1), (0.5, 0.5), (0.25, 0.6), (0.1, 0.75)))
    assert "turned at epoch 2" in told
    assert "50% higher" in told
    assert "fell by another 80%" in told
    assert "in the last epoch, 2" in turned(content, history((1, 1), (0.5, 0.5)))
    assert "least in epoch 1 and 50% higher" in turned(content, history((1, 1), (0.5, 1.5)))
    assert "least in epoch 1 and stayed about there" in turned(content, history((1, 1), (0.5, 1.005)))


def test_a_rise_on_few_images_may_be_chance(content: Content) -> None:
    rows = history((1, 1), (0.5, 0.5), (0.25, 0.6), (0.1, 0.55))
    rows = [row.model_copy(update={"loss_error": 0.03}) for row in rows]
    images = len(content.record.keys["validation"])
    assert f"least in epoch 2 and 10% higher at the end, which may be chance on {images} images." in turned(
        content, rows
    )


def test_the_epoch_that_is_measured_is_that_of_the_least_calibrated_loss(content: Content) -> None:
    rows = history((1, 1), (0.5, 0.5), (0.25, 0.6), (0.1, 0.75))
    rows = [row.model_copy(update={"calibrated_loss": 1 / row.epoch}) for row in rows]
    told = turning(replace(content, history=rows, best=rows[3], turn=crossover(rows)))
    assert "turned at epoch 2" in told
    assert told.endswith("measured here is epoch 4, that of the least calibrated loss.")


def test_another_epoch_says_how_it_was_chosen(content: Content) -> None:
    rows = history((1, 1), (0.5, 0.5), (0.25, 0.51), (0.1, 0.75))
    rows = [row.model_copy(update={"loss_error": 0.02}) for row in rows]
    best = best_epoch(rows)
    assert best is not None
    told = turning(replace(content, history=rows, best=best, turn=None))
    assert told.endswith("epoch 3, the last within one standard error of the least calibrated loss, that of epoch 2.")


def test_facts_are_those_of_the_run(content: Content) -> None:
    training, data = dict(training_facts(content)), dict(data_facts(content))
    assert training["Epochs"] == "4 of 3 planned; the best is 2"
    assert training["Data"] == "drawings: 40 for train, 40 for validation, 40 for test"
    assert data["Licence"] == "made by the tests"
    assert data["Unreadable"] == "1: broken.png"
    assert data["Duplicates"].startswith("3 removed")


@pytest.mark.parametrize(
    ("kind", "said"), [("folder", "2 JPEG, 1 PNG"), ("idx", "3 in arrays, encoded as PNG to be read like files")]
)
def test_images_of_arrays_are_not_said_to_be_files(content: Content, kind: str, said: str) -> None:
    data = content.recipe.data.model_copy(update={"kind": kind})
    changed = replace(
        content,
        recipe=content.recipe.model_copy(update={"data": data}),
        check=data_check(formats={"JPEG": 2, "PNG": 1}),
    )
    assert dict(data_facts(changed))["Formats"] == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(3.4, "3 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (9000, "2.5 h")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
