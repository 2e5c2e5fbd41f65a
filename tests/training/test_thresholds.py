from collections.abc import Callable

import numpy as np
import pytest

from models.manifest import ACCEPTS_NOTHING, Decision
from models.postprocess import Probabilities
from training.intervals import wilson
from training.scores import Targets
from training.thresholds import choose_decision

Answers = tuple[Probabilities, Targets]
Draw = Callable[[np.random.Generator, int], Answers]


def answers(*groups: tuple[float, int, int]) -> Answers:
    """Probabilities and targets: ``(score, right, wrong)`` each; all guesses are of label 0."""
    scores = np.concatenate([np.full(right + wrong, score, np.float32) for score, right, wrong in groups])
    targets = np.concatenate([np.repeat([0, 1], [right, wrong]) for _, right, wrong in groups])
    return np.stack([scores, 1 - scores], axis=1), targets


def guessed(labels: np.ndarray, scores: np.ndarray, right: np.ndarray, classes: int) -> Answers:
    """Answers whose best guess is ``labels`` at ``scores``; where not ``right``, the next label is the truth."""
    probabilities = np.repeat((1 - scores)[:, None] / (classes - 1), classes, axis=1)
    probabilities[np.arange(len(labels)), labels] = scores
    return probabilities.astype(np.float32), (labels + ~right) % classes


def accepted(decision: Decision, probabilities: Probabilities) -> np.ndarray:
    thresholds = decision.thresholds or (decision.threshold,) * probabilities.shape[1]
    taken: np.ndarray = probabilities.max(axis=1) >= np.array(thresholds, np.float32)[probabilities.argmax(axis=1)]
    return taken


def test_the_threshold_is_the_smallest_that_reaches_the_accuracy() -> None:
    decision = choose_decision(*answers((0.51, 0, 100), (0.6, 80, 20), (0.9, 300, 0)), 0.9)
    assert decision.threshold == pytest.approx(0.511)
    assert (decision.accuracy, decision.coverage, decision.target) == (0.95, 0.8, 0.9)


def test_when_all_is_good_enough_everything_is_accepted() -> None:
    decision = choose_decision(*answers((0.6, 60, 0)), 0.95)
    assert (decision.threshold, decision.accuracy, decision.coverage) == (0, 1, 1)


@pytest.mark.parametrize("score", [0.9, 1.0])
def test_when_nothing_is_good_enough_not_even_certainty_is_accepted(score: float) -> None:
    decision = choose_decision(*answers((score, 1, 99)), 0.95)
    assert (decision.threshold, decision.accuracy, decision.coverage) == (ACCEPTS_NOTHING, 0, 0)
    assert decision.thresholds == ()


@pytest.mark.parametrize(("count", "threshold"), [(1, ACCEPTS_NOTHING), (51, ACCEPTS_NOTHING), (52, 0.601)])
def test_a_few_right_answers_prove_nothing(count: int, threshold: float) -> None:
    decision = choose_decision(*answers((0.6, 5, 5), (0.99, count, 0)), 0.95)
    assert decision.threshold == pytest.approx(threshold)


@pytest.mark.parametrize(("right", "wrong"), [(52, 0), (51, 0), (76, 1), (77, 1), (191, 4), (1900, 78), (1900, 79)])
def test_what_is_proved_is_wilsons_lower_end(right: int, wrong: int) -> None:
    decision = choose_decision(*answers((0.96, right, wrong)), 0.95)
    assert (decision.threshold == 0) == (wilson(right, right + wrong, 0.9)[0] >= 0.95)


def test_a_score_at_the_threshold_is_accepted_as_the_service_accepts_it() -> None:
    for thousandths in range(501, 1000):
        score = np.float32(thousandths / 1000)
        decision = choose_decision(*answers((0.5, 0, 100), (float(score), 100, 0)), 0.95)
        assert score >= decision.threshold
        assert decision.coverage == 0.5


def test_a_label_that_proves_it_alone_has_a_threshold_of_its_own() -> None:
    labels = np.repeat([0, 1, 2], [400, 400, 20])
    scores = np.concatenate([np.full(400, 0.9), np.tile([0.6, 0.99], 200), np.full(20, 0.9)])
    right = np.concatenate([np.arange(400) >= 2, np.tile([False, True], 200), np.arange(20) >= 3])
    decision = choose_decision(*guessed(labels, scores, right, 3), 0.95)
    # All labels together reach 95 % above 0.6. Of label 0 all guesses do, of label 2 there are too few to tell.
    assert decision.thresholds == pytest.approx((0, 0.601, 0.601))
    assert decision.threshold == pytest.approx(0.601)
    assert decision.accuracy == pytest.approx((398 + 200 + 17) / 620)
    assert decision.coverage == pytest.approx(620 / 820)


def test_the_common_threshold_rises_where_a_label_of_its_own_needs_what_was_to_spare() -> None:
    groups = [(0, 0.99, 600, 0), (0, 0.6, 270, 30), (1, 0.99, 30, 0), (1, 0.7, 42, 18)]  # label, score, right, wrong
    sizes = [right + wrong for _, _, right, wrong in groups]
    labels, scores = (np.repeat([group[column] for group in groups], sizes) for column in (0, 1))
    right = np.concatenate([np.arange(right + wrong) < right for _, _, right, wrong in groups])
    assert choose_decision(*guessed(0 * labels.astype(int), scores, right, 2), 0.95).threshold == pytest.approx(0.601)
    decision = choose_decision(*guessed(labels.astype(int), scores, right, 2), 0.95)
    assert decision.thresholds == pytest.approx((0, 0.701))


def just_short(random: np.random.Generator, count: int) -> Answers:
    """Scores that say nothing; every guess is right a little less often than in 95 % of the cases."""
    scores = random.uniform(0.6, 1, count)
    return guessed(random.integers(0, 4, count), scores, random.random(count) < 0.949, 4)


def uneven(random: np.random.Generator, count: int) -> Answers:
    """Honest scores of ten labels, from one that is nearly always recognised to one that often is not."""
    labels = random.integers(0, 10, count)
    scores = 1 - 0.45 * random.beta(np.linspace(0.03, 0.4, 10)[labels], 1.2)
    return guessed(labels, scores, random.random(count) < scores, 10)


def many(draw: Draw, count: int, times: int) -> list[Decision]:
    random = np.random.default_rng(0)
    return [choose_decision(*draw(random, count), 0.95) for _ in range(times)]


@pytest.mark.parametrize("count", [100, 2000])
def test_what_is_not_good_enough_is_seldom_taken_for_it(count: int) -> None:
    wrong = sum(decision.coverage > 0 for decision in many(just_short, count, 300))
    # One in twenty, and what 300 draws scatter about it; the smallest threshold that passes would do it in 80 of 300.
    assert 0 < wrong <= 15 + 2 * 4


def test_the_target_is_kept_on_fresh_data() -> None:
    probabilities, targets = uneven(np.random.default_rng(1), 100_000)
    guesses = probabilities.argmax(axis=1)
    right = guesses == targets
    missed = labels = labels_missed = 0
    worst = []
    for decision in many(uneven, 2000, 60):
        taken = accepted(decision, probabilities)
        missed += right[taken].mean() < 0.95
        shares = np.bincount(guesses[taken & right], minlength=10) / np.bincount(guesses[taken], minlength=10)
        own = [label for label, one in enumerate(decision.thresholds) if one != decision.threshold]
        labels += len(own)
        labels_missed += (shares[own] < 0.95).sum()
        worst.append(shares.min())
    assert missed == 0
    assert labels > 60 * 7
    assert labels_missed < 0.05 * labels
    # One threshold for all labels leaves the worst of them at 92 %.
    assert np.mean(worst) > 0.935


def test_the_proof_costs_little_where_there_is_much_data() -> None:
    probabilities, targets = uneven(np.random.default_rng(2), 50_000)
    decision = choose_decision(probabilities, targets, 0.95)
    right = probabilities.argmax(axis=1) == targets
    taken = accepted(decision, probabilities)
    assert 0.95 < right[taken].mean() < 0.98
    assert len(set(decision.thresholds)) > 5
    assert decision.coverage == pytest.approx(taken.mean())
