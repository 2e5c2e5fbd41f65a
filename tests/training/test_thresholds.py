from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binomtest

from models.manifest import ACCEPTS_NOTHING, Decision
from models.postprocess import Probabilities
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
    decision = choose_decision(*answers((0.81, 0, 100), (0.86, 80, 20), (0.9, 300, 0)), 0.9)
    assert decision.threshold_of(0) == pytest.approx(0.811)
    assert (decision.accuracy, decision.coverage, decision.target) == (0.95, 0.8, 0.9)


def test_when_all_is_good_enough_everything_is_accepted() -> None:
    decision = choose_decision(*answers((0.96, 60, 0)), 0.95)
    assert (decision.threshold_of(0), decision.accuracy, decision.coverage) == (0.85, 1, 1)


@pytest.mark.parametrize("score", [0.9, 1.0])
def test_when_nothing_is_good_enough_not_even_certainty_is_accepted(score: float) -> None:
    decision = choose_decision(*answers((score, 1, 99)), 0.95)
    assert (decision.threshold, decision.accuracy, decision.coverage) == (ACCEPTS_NOTHING, 0, 0)
    assert decision.thresholds == ()


@pytest.mark.parametrize(("count", "threshold"), [(1, ACCEPTS_NOTHING), (58, ACCEPTS_NOTHING), (59, 0.921)])
def test_a_few_right_answers_prove_nothing(count: int, threshold: float) -> None:
    decision = choose_decision(*answers((0.92, 5, 5), (0.99, count, 0)), 0.95)
    assert decision.threshold_of(0) == pytest.approx(threshold)


@pytest.mark.parametrize(("right", "wrong"), [(59, 0), (58, 0), (91, 1), (92, 1), (177, 4), (1900, 78), (1900, 83)])
def test_what_is_proved_is_the_exact_lower_end(right: int, wrong: int) -> None:
    decision = choose_decision(*answers((0.96, right, wrong)), 0.95)
    low = binomtest(right, right + wrong).proportion_ci(0.9, method="exact").low
    assert (decision.threshold_of(0) == 0.85) == (low >= 0.95)


def test_a_score_at_the_threshold_is_accepted_as_the_service_accepts_it() -> None:
    for thousandths in range(901, 1000):
        score = np.float32(thousandths / 1000)
        decision = choose_decision(*answers((0.9, 0, 100), (float(score), 100, 0)), 0.95)
        assert score >= decision.threshold_of(0)
        assert decision.coverage == 0.5


def groups(*each: tuple[int, float, int, int]) -> Answers:
    """Answers: ``(label, score, right, wrong)`` each."""
    sizes = [right + wrong for _, _, right, wrong in each]
    labels, scores = (np.repeat([group[column] for group in each], sizes) for column in (0, 1))
    right = np.concatenate([np.arange(right + wrong) < right for _, _, right, wrong in each])
    return guessed(labels.astype(int), scores, right, max(3, 1 + int(labels.max())))


def test_a_label_that_proves_it_alone_has_a_threshold_of_its_own() -> None:
    decision = choose_decision(*groups((0, 0.95, 398, 2), (1, 0.99, 200, 0), (1, 0.93, 0, 200), (2, 0.95, 19, 1)), 0.95)
    assert decision.thresholds == pytest.approx((0.85, 0.931, ACCEPTS_NOTHING))
    assert decision.threshold == ACCEPTS_NOTHING  # of label 2 there are too few to tell
    assert decision.accuracy == pytest.approx(598 / 600)
    assert decision.coverage == pytest.approx(600 / 820)


def test_labels_of_too_few_guesses_prove_a_threshold_together() -> None:
    few = [(0, 0.95, 398, 2), (1, 0.95, 40, 0), (2, 0.95, 40, 0), (1, 0.92, 5, 5), (2, 0.92, 5, 5)]
    assert choose_decision(*groups(*few), 0.95).thresholds == pytest.approx((0.85, 0.921, 0.921))


def test_nothing_is_accepted_that_is_three_times_as_likely_wrong_by_its_own_score() -> None:
    """Though all guesses of label 0 are right: what shows nothing of the kind has a low score too."""
    decision = choose_decision(*groups((0, 0.97, 300, 0), (0, 0.6, 300, 0)), 0.95)
    assert (decision.threshold_of(0), decision.coverage) == (0.85, 0.5)


def test_a_label_does_not_live_on_what_the_others_have_to_spare() -> None:
    """Of all guesses 97 % are right, of those of label 1 no more than 80 %."""
    decision = choose_decision(*groups((0, 0.99, 990, 10), (1, 0.99, 80, 20)), 0.95)
    assert decision.thresholds == (0.85, ACCEPTS_NOTHING, ACCEPTS_NOTHING)


@pytest.mark.parametrize(("right", "wrong", "threshold"), [(18, 2, 0.7), (14, 6, ACCEPTS_NOTHING)])
def test_of_a_label_that_proves_the_contrary_nothing_is_accepted(right: int, wrong: int, threshold: float) -> None:
    few = [(label, 0.99, 28, 0) for label in range(1, 10)]  # each is too few for 90 %, all together are not
    decision = choose_decision(*groups((0, 0.99, right, wrong), *few), 0.9)
    assert [decision.threshold_of(label) for label in range(10)] == [threshold] + [0.7] * 9


def just_short(random: np.random.Generator, count: int) -> Answers:
    """Scores that say nothing; every guess is right a little less often than in 95 % of the cases."""
    scores = random.uniform(0.9, 1, count)
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
        counts = np.bincount(guesses[taken], minlength=10)
        shares = np.bincount(guesses[taken & right], minlength=10)[counts > 0] / counts[counts > 0]
        labels += len(shares)
        labels_missed += (shares < 0.95).sum()
        worst.append(shares.min())
    assert missed == 0
    assert labels > 60 * 7
    assert labels_missed < 0.05 * labels
    # One threshold for all labels leaves the worst of them at 92 %.
    assert np.mean(worst) > 0.95


def test_the_proof_costs_little_where_there_is_much_data() -> None:
    probabilities, targets = uneven(np.random.default_rng(2), 50_000)
    decision = choose_decision(probabilities, targets, 0.95)
    right = probabilities.argmax(axis=1) == targets
    taken = accepted(decision, probabilities)
    assert 0.95 < right[taken].mean() < 0.99
    assert decision.coverage == pytest.approx(taken.mean())
