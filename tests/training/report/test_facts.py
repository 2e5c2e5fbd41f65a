import numpy as np
import pytest

from models.manifest import ACCEPTS_NOTHING, Conformal, Decision
from training.report.evidence import Answers
from training.report.facts import acceptance, set_sizes

# Score, guess and truth of each answer: the surest is wrong.
ROWS = [(0.95, 0, 1), (0.9, 0, 0), (0.8, 1, 1), (0.7, 1, 1), (0.6, 0, 1)]


def answers() -> Answers:
    probabilities = np.zeros((len(ROWS), 2), np.float32)
    for row, (score, guess, _) in enumerate(ROWS):
        probabilities[row, guess], probabilities[row, 1 - guess] = score, 1 - score
    return Answers(probabilities, np.array([truth for _, _, truth in ROWS]))


def decision(threshold: float, *thresholds: float) -> Decision:
    return Decision(threshold=threshold, accuracy=1, coverage=1, thresholds=thresholds)


def test_what_one_threshold_accepts() -> None:
    found = acceptance(answers(), decision(0.8), 0.95).chosen
    assert (found.images, found.right, found.coverage, found.accuracy) == (3, 2, 0.6, pytest.approx(2 / 3))
    assert found.interval[0] < 2 / 3 < found.interval[1]


def test_what_the_thresholds_of_the_labels_accept() -> None:
    found = acceptance(answers(), decision(0.8, 0.92, 0.75), 0.95).chosen
    assert (found.images, found.right) == (2, 1)


def test_each_label_has_its_own_accepted_answers() -> None:
    found = acceptance(answers(), decision(0.65), 0.95).labels
    assert [(rate.images, rate.right) for rate in found] == [(2, 1), (2, 2)]


def test_what_accepts_nothing() -> None:
    found = acceptance(answers(), decision(ACCEPTS_NOTHING), 0.95).chosen
    assert (found.images, found.coverage, found.accuracy, found.interval) == (0, 0, 0, (0, 1))


def test_the_curve_goes_from_the_surest_answers_to_all() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.5, 1, 1000).astype(np.float32)
    truths = (rng.random(1000) > scores).astype(np.int64)
    curve = acceptance(Answers(np.stack([scores, 1 - scores], axis=1), truths), decision(0.5), 0.95).curve
    assert (curve[0].images, curve[-1].images, curve[-1].coverage) == (20, 1000, 1)
    assert curve[-1].right == (truths == 0).sum()
    assert len(curve) <= 200
    middle = next(rate for rate in curve if rate.images >= 500)
    assert middle.right == (truths[np.argsort(-scores)[: middle.images]] == 0).sum()


def test_few_images_have_a_curve_of_one_point() -> None:
    assert [rate.images for rate in acceptance(answers(), decision(0.5), 0.95).curve] == [5]


def test_round_thresholds() -> None:
    found = dict(acceptance(answers(), decision(0.5), 0.95).round_ones)
    assert [(found[threshold].images, found[threshold].right) for threshold in (0.5, 0.7, 0.9)] == [
        (5, 3),
        (4, 3),
        (2, 1),
    ]


def test_sets_by_their_size() -> None:
    conformal = Conformal(coverage=0.9, threshold=0.15, test_coverage=0.8, mean_size=1.6)
    found = [(size, rate.images, rate.right) for size, rate in set_sizes(answers(), conformal)]
    assert found == [("1", 2, 1), ("2", 3, 3)]
    many = Answers(np.full((3, 40), 1 / 40, np.float32), np.array([0, 1, 39]))
    wide = Conformal(coverage=0.9, threshold=0.01, test_coverage=1, mean_size=40)
    assert [(size, rate.right) for size, rate in set_sizes(many, wide)] == [("11 to 40", 3)]
    four = Conformal(coverage=0.9, threshold=0.2, test_coverage=1, mean_size=4)
    same = Answers(np.full((3, 4), 0.25, np.float32), np.array([0, 1, 3]))
    assert [(size, rate.right) for size, rate in set_sizes(same, four)] == [("4", 3)]
    none = Conformal(coverage=0.9, threshold=0.9, test_coverage=1 / 3, mean_size=1)
    assert [(size, rate.right) for size, rate in set_sizes(many, none)] == [("1", 1)]
