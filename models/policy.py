"""The gate before an alias: what a candidate's recorded evaluation must reach, by itself and beside the incumbent's."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import Field, ValidationError

from models.errors import InvalidPolicy
from models.layout import SETTINGS_FILE
from models.manifest import Fraction, Metrics, Strict, first_problem

_EXACTLY = 1e-9  # what is as good as the limit passes, however the difference was rounded


class Policy(Strict):
    """The table ``[promotion]`` of whatsit.toml; all are fractions of 1.

    The drops are those against the version that the alias names now, as far as it was evaluated.
    """

    min_accuracy: Fraction = 0
    """The least accuracy."""
    min_macro_f1: Fraction = 0
    """The least macro F1."""
    min_class_recall: Fraction = 0
    """The least recall of every class."""
    class_floors: dict[str, Fraction] = Field(default_factory=dict)
    """The least recall of single classes, in place of ``min_class_recall``, by their labels."""
    max_accuracy_drop: Fraction = 0.01
    """The most that accuracy may fall."""
    max_macro_f1_drop: Fraction = 0.01
    """The most that macro F1 may fall."""
    max_class_drop: Fraction = 0.1
    """The most that the recall of a class may fall. Where it has few images, one of them may be more than that."""


@dataclass(frozen=True, slots=True)
class Check:
    """One number of the candidate, that of the incumbent (None where there is none), and the least allowed."""

    what: str
    candidate: float
    incumbent: float | None
    least: float

    @property
    def passed(self) -> bool:
        """Whether it is enough."""
        return self.candidate >= self.least - _EXACTLY


class Evaluated(Protocol):
    """What was measured on a test split, or was not."""

    @property
    def metrics(self) -> Metrics | None:
        """What it reached."""


def read_policy(file: Path = SETTINGS_FILE) -> Policy:
    """The policy of the settings' file; the default one where there is no such file or table. Raises InvalidPolicy."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("promotion", {})
        return Policy.model_validate(table)
    except FileNotFoundError:
        return Policy()
    except ValidationError as error:
        raise InvalidPolicy(f"{file}: promotion.{first_problem(error, 'promotion')}") from error
    except ValueError as error:  # of which TOMLDecodeError and UnicodeDecodeError are kinds
        raise InvalidPolicy(f"{file} is not TOML: {error}") from error


def judge(policy: Policy, candidate: Metrics, incumbent: Metrics | None) -> list[Check]:
    """All checks: accuracy, macro F1, and the recall of every class that has a floor or fell."""
    checks = [
        _check(
            "accuracy",
            candidate.accuracy,
            incumbent.accuracy if incumbent else None,
            policy.min_accuracy,
            policy.max_accuracy_drop,
        ),
        _check(
            "macro F1",
            candidate.macro_f1,
            incumbent.macro_f1 if incumbent else None,
            policy.min_macro_f1,
            policy.max_macro_f1_drop,
        ),
    ]
    return [*checks, *_classes(policy, candidate, incumbent)]


def failures(checks: Sequence[Check]) -> list[Check]:
    """Those that were not passed."""
    return [check for check in checks if not check.passed]


def _classes(policy: Policy, candidate: Metrics, incumbent: Metrics | None) -> Iterator[Check]:
    before = {} if incumbent is None else {entry.label: entry.recall for entry in incumbent.per_class}
    for entry in candidate.per_class:
        if entry.support:  # a class without an image in the test split has no recall
            least = policy.class_floors.get(entry.label, policy.min_class_recall)
            yield _check(
                f"recall of {entry.label}", entry.recall, before.get(entry.label), least, policy.max_class_drop
            )
    for label in policy.class_floors.keys() - {entry.label for entry in candidate.per_class if entry.support}:
        yield Check(f"recall of {label}", 0, before.get(label), policy.class_floors[label])


def _check(what: str, candidate: float, incumbent: float | None, least: float, drop: float) -> Check:
    return Check(what, candidate, incumbent, least if incumbent is None else max(least, incumbent - drop))
