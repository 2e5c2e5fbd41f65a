import pytest

from models.manifest import ACCEPTS_NOTHING, Decision
from training.review import why_all_for_review
from training.thresholds import least_images

NOTHING = Decision(threshold=ACCEPTS_NOTHING, accuracy=0, coverage=0, target=0.95)


@pytest.mark.parametrize(("accuracy", "least"), [(0.95, 59), (0.9, 29), (0.99, 299), (0.5, 5)])
def test_so_many_right_answers_prove_it(accuracy: float, least: int) -> None:
    assert least_images(accuracy) == least
    assert accuracy**least <= 0.05 < accuracy ** (least - 1)


def test_it_says_whether_images_or_right_answers_were_too_few() -> None:
    few, wrong = why_all_for_review(NOTHING, 36), why_all_for_review(NOTHING, 59)
    assert few is not None
    assert wrong is not None
    assert "the 36 validation images prove of no score that it is right in 95 % of the cases, which takes 59" in few
    assert "the 59 validation images prove of no score" in wrong
    assert "train with more images or for longer, or ask for less with decision.accuracy" in wrong
    assert "which takes" not in wrong


def test_where_something_is_accepted_there_is_nothing_to_say() -> None:
    assert why_all_for_review(Decision(threshold=0.9, accuracy=1, coverage=0.1, target=0.95), 36) is None
    old = NOTHING.model_copy(update={"target": None})
    assert "right in enough cases" in str(why_all_for_review(old, 36))
