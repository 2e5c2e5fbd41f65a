import json

import numpy as np
import pytest

from models.locations import default_root
from models.manifest import ACCEPTS_NOTHING, Conformal, Decision
from models.postprocess import answer
from models.store import Store
from training.intervals import wilson
from training.promises import Promises, accepts, measure_promises

ANSWERS = np.array([[0.9, 0.08, 0.02], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4]], np.float32)
TARGETS = np.array([0, 1, 1, 2, 0])
SETS = Conformal(coverage=0.8, threshold=0.3, test_coverage=0.9, mean_size=1.1)


def measured(conformal: Conformal | None = SETS, **decision: object) -> Promises:
    chosen = Decision.model_validate({"threshold": 0.55, "accuracy": 1, "coverage": 1, "target": 0.9} | decision)
    return measure_promises(ANSWERS, TARGETS, chosen, conformal)


def test_what_is_accepted_and_how_much_of_it_is_right() -> None:
    accepted = measured().accepted
    assert (accepted.images, accepted.right, accepted.share, accepted.wanted) == (3, 2, 0.6, 0.9)
    assert (accepted.accuracy, accepted.interval) == (2 / 3, wilson(2, 3))


def test_each_label_has_the_threshold_that_is_its_own() -> None:
    accepted = measured(thresholds=(0.95, 0.5, ACCEPTS_NOTHING)).accepted
    assert (accepted.images, accepted.right) == (2, 1)


def test_where_nothing_is_accepted_nothing_is_known_of_it() -> None:
    accepted = measured(threshold=ACCEPTS_NOTHING, target=None).accepted
    assert (accepted.images, accepted.accuracy, accepted.interval, accepted.wanted) == (0, None, None, None)


def test_how_often_the_candidates_hold_the_label() -> None:
    candidates = measured().candidates
    assert candidates is not None
    assert (candidates.right, candidates.coverage, candidates.wanted) == (5, 1.0, 0.8)
    assert candidates.mean_size == pytest.approx(1.8)  # 1 + 2 + 1 + 2 + 3, as the threshold itself is enough
    assert candidates.interval == wilson(5, 5)
    assert measured(None).candidates is None


def test_accepted_is_what_the_service_accepts() -> None:
    manifest = Store(default_root()).manifest("cifar10", 2)
    assert manifest.conformal is not None
    random = np.random.default_rng(0)
    answers = random.dirichlet(np.full(10, 0.1), 500).astype(np.float32)
    served = [answer(row, manifest, 1) for row in answers]
    assert accepts(answers, manifest.decision).tolist() == [given.decision == "accept" for given in served]
    targets = random.integers(0, 10, 500)
    candidates = measure_promises(answers, targets, manifest.decision, manifest.conformal).candidates
    assert candidates is not None
    sets = [given.candidates or () for given in served]
    held = sum(manifest.labels[target] in labels for target, labels in zip(targets.tolist(), sets, strict=True))
    assert candidates.right == held
    assert candidates.mean_size == pytest.approx(np.mean([len(labels) for labels in sets]))


def test_it_goes_into_json() -> None:
    found = measured()
    assert json.loads(found.model_dump_json())["accepted"]["interval"] == pytest.approx(wilson(2, 3))
