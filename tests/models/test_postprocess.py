from pathlib import Path

import numpy as np
import pytest

from models.manifest import ACCEPTS_NOTHING, Conformal, Decision, Manifest
from models.postprocess import answer
from tests.support.bundles import publish_tiny


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    store: Path = tmp_path_factory.mktemp("postprocess") / "store"
    return publish_tiny(store, labels=("red", "green", "blue", "white"))


def row(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_best_come_first(manifest: Manifest) -> None:
    given = answer(row(0.1, 0.2, 0.65, 0.05), manifest, 3)
    assert [(p.label, p.index) for p in given.predictions] == [("blue", 2), ("green", 1), ("red", 0)]
    assert (given.label, given.decision) == ("blue", "accept")
    assert given.score == pytest.approx(0.65)
    assert isinstance(given.score, float)


def test_ties_go_to_the_lower_index(manifest: Manifest) -> None:
    assert [p.index for p in answer(row(0.1, 0.4, 0.1, 0.4), manifest, 4).predictions] == [1, 3, 0, 2]
    many = manifest.model_copy(update={"labels": tuple(str(number) for number in range(1000))})
    scores = row(*(number % 3 for number in range(1000)))
    expected = [*range(2, 1000, 3), *range(1, 1000, 3), *range(0, 1000, 3)]
    assert [p.index for p in answer(scores, many, 1000).predictions] == expected


@pytest.mark.parametrize("top_k", [1, 5, 400, 1000])
@pytest.mark.parametrize("threshold", [None, 0.0005, 0.9])
def test_of_many_classes_the_same_are_found(manifest: Manifest, threshold: float | None, top_k: int) -> None:
    """As if all were sorted, whichever of several equal scores is the last one that counts."""
    scores = np.random.default_rng(0).integers(0, 20, 1000).astype(np.float32)
    scores /= scores.sum()
    many = manifest.model_copy(update={"labels": tuple(map(str, range(1000))), "conformal": None})
    if threshold is not None:
        many = conformal(many, threshold)
    given, order = answer(scores, many, top_k), np.argsort(-scores, kind="stable").tolist()
    assert [p.index for p in given.predictions] == order[:top_k]
    if threshold is not None:
        likely = [index for index in order if index == order[0] or scores[index] >= np.float32(threshold)]
        assert given.candidates == tuple(map(str, likely))


@pytest.mark.parametrize(("top_k", "count"), [(1, 1), (4, 4), (5, 4), (1000, 4)])
def test_top_k_is_at_most_all(manifest: Manifest, top_k: int, count: int) -> None:
    assert len(answer(row(0.7, 0.1, 0.1, 0.1), manifest, top_k).predictions) == count


def test_not_even_certainty_passes_a_threshold_that_accepts_nothing(manifest: Manifest) -> None:
    decision = Decision(threshold=ACCEPTS_NOTHING, accuracy=0, coverage=0)
    closed = manifest.model_copy(update={"decision": decision})
    assert answer(row(1, 0, 0, 0), closed, 1).decision == "review"


@pytest.mark.parametrize(
    ("threshold", "decision"), [(0, "accept"), (0.5, "accept"), (0.500001, "review"), (1, "review")]
)
def test_the_decision_at_its_threshold(manifest: Manifest, threshold: float, decision: str) -> None:
    strict = manifest.model_copy(update={"decision": Decision(threshold=threshold, accuracy=1, coverage=1)})
    assert answer(row(0.5, 0.25, 0.125, 0.125), strict, 1).decision == decision


@pytest.mark.parametrize(("best", "decision"), [(0, "review"), (1, "accept"), (2, "accept"), (3, "review")])
def test_a_labels_own_threshold_decides_on_its_guesses(manifest: Manifest, best: int, decision: str) -> None:
    own = Decision(threshold=1, accuracy=1, coverage=1, thresholds=(0.7, 0.6, 0, ACCEPTS_NOTHING))
    probabilities = np.full(4, 0.125, np.float32)
    probabilities[best] = 0.625
    assert answer(probabilities, manifest.model_copy(update={"decision": own}), 1).decision == decision


def conformal(manifest: Manifest, threshold: float) -> Manifest:
    sets = Conformal(coverage=0.95, threshold=threshold, test_coverage=0.95, mean_size=1.5)
    return manifest.model_copy(update={"conformal": sets})


@pytest.mark.parametrize("top_k", [1, 2, 4])
@pytest.mark.parametrize(
    ("threshold", "candidates"),
    [
        (0.9, ("green",)),
        (0.5, ("green",)),
        (0.25, ("green", "white")),
        (0.250001, ("green",)),
        (0.125, ("green", "white", "red", "blue")),
        (0, ("green", "white", "red", "blue")),
    ],
)
def test_candidates_are_those_at_the_threshold_and_the_best(
    manifest: Manifest, threshold: float, candidates: tuple[str, ...], top_k: int
) -> None:
    given = answer(row(0.125, 0.5, 0.125, 0.25), conformal(manifest, threshold), top_k)
    assert given.candidates == candidates
    assert len(given.predictions) == top_k


def test_a_version_without_conformal_sets_has_no_candidates(manifest: Manifest) -> None:
    assert answer(row(0.125, 0.5, 0.125, 0.25), manifest, 4).candidates is None
