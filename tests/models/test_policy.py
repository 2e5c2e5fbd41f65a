"""The gate: what is compared, and what is enough."""

from pathlib import Path

import pytest

from models.errors import InvalidPolicy
from models.manifest import ClassMetrics, Metrics
from models.policy import Check, Policy, failures, judge, read_policy
from tests.support.bundles import metrics


def recalls(**recall: float) -> Metrics:
    """Metrics whose classes have these recalls, of ten images each."""
    per_class = (
        ClassMetrics(label=label, precision=1, recall=value, f1=1, support=10) for label, value in recall.items()
    )
    return metrics(tuple(recall), per_class=tuple(per_class))


def failed(policy: Policy, candidate: Metrics, incumbent: Metrics | None = None) -> list[str]:
    return [check.what for check in failures(judge(policy, candidate, incumbent))]


def test_as_good_as_the_incumbent_is_good_enough() -> None:
    assert failed(Policy(), metrics(), metrics()) == []


@pytest.mark.parametrize(("accuracy", "refused"), [(0.9, []), (0.89, []), (0.8899, ["accuracy"]), (0.95, [])])
def test_accuracy_may_fall_by_a_point(accuracy: float, refused: list[str]) -> None:
    assert failed(Policy(), metrics(accuracy=accuracy), metrics(accuracy=0.9)) == refused


def test_macro_f1_may_fall_by_what_is_said() -> None:
    policy = Policy(max_macro_f1_drop=0.2)
    assert failed(policy, metrics(macro_f1=0.7), metrics(macro_f1=0.9)) == []
    assert failed(policy, metrics(macro_f1=0.69), metrics(macro_f1=0.9)) == ["macro F1"]


def test_a_class_may_not_pay_for_the_others() -> None:
    assert failed(Policy(), recalls(cat=0.79, dog=1), recalls(cat=0.9, dog=0.7)) == ["recall of cat"]


def test_floors_hold_with_nobody_beside() -> None:
    policy = Policy(min_accuracy=0.9, min_class_recall=0.6, class_floors={"cat": 0.95})
    assert failed(policy, metrics(accuracy=0.8)) == ["accuracy", "recall of cat"], "there is no cat"
    assert failed(policy, recalls(cat=0.9, dog=0.5, bird=0.6)) == ["recall of cat", "recall of dog"]


def test_a_class_without_images_says_nothing() -> None:
    nobody = ClassMetrics(label="dodo", precision=0, recall=0, f1=0, support=0)
    assert failed(Policy(min_class_recall=0.5), metrics(("dodo",), per_class=(nobody,))) == []


def test_what_is_told_of_a_check() -> None:
    first = judge(Policy(min_accuracy=0.95), metrics(accuracy=0.9), metrics(accuracy=0.92))[0]
    assert first == Check("accuracy", 0.9, 0.92, 0.95)
    assert not first.passed


def test_the_policy_is_a_table_of_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "whatsit.toml"
    assert read_policy(file) == Policy()
    file.write_text("port = 1\n")
    assert read_policy(file) == Policy()
    file.write_text("[promotion]\nmax_accuracy_drop = 0\n[promotion.class_floors]\ncat = 0.9\n")
    assert read_policy(file) == Policy(max_accuracy_drop=0, class_floors={"cat": 0.9})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[promotion]\nmax_acuracy_drop = 0", "promotion.max_acuracy_drop"),
        ("[promotion]\nmin_accuracy = 94", "promotion.min_accuracy: .* less than or equal to 1"),
        ("promotion = 1", "promotion"),
        ("[promotion", "is not TOML"),
    ],
)
def test_one_that_makes_no_sense_is_told(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "whatsit.toml").write_text(content)
    with pytest.raises(InvalidPolicy, match=told):
        read_policy(tmp_path / "whatsit.toml")


def test_a_model_may_have_rules_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "whatsit.toml").write_text(
        "[promotion]\nmin_accuracy = 0.9\n[promotion.models.pets]\nmin_accuracy = 0.5\n"
    )
    policy = read_policy(tmp_path / "whatsit.toml")
    assert (policy.of("pets").min_accuracy, policy.of("others").min_accuracy) == (0.5, 0.9)


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_PROMOTION", '{"min_accuracy": 0.7}')
    assert read_policy(tmp_path / "whatsit.toml").min_accuracy == 0.7


def test_who_was_never_evaluated_reached_nothing() -> None:
    policy = Policy(min_macro_f1=0.1, min_class_recall=0.1, class_floors={"cat": 0.1})
    assert len(failures(judge(policy, None, None))) == 3
    assert failures(judge(Policy(), None, None)) == []
    assert [check.what for check in failures(judge(Policy(), None, metrics()))] == ["accuracy (never evaluated)"]
