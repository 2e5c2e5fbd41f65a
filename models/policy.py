"""The gate before an alias: what a candidate's recorded evaluation must reach, by itself and beside the incumbent's."""

import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import Field, ValidationError

from models.errors import InvalidPolicy
from models.layout import SETTINGS_FILE
from models.manifest import Fraction, Metrics, Strict, first_problem

_VARIABLE = "WHATSIT_PROMOTION"
_EXACTLY = 1e-9  # what is as good as the limit passes, however the difference was rounded


class Rules(Strict):
    """What is asked of a candidate; all are fractions of 1.

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


class Policy(Rules):
    """The table ``[promotion]`` of whatsit.toml, with rules of its own for some models: ``[promotion.models.NAME]``."""

    models: dict[str, Rules] = Field(default_factory=dict)
    """The rules of single models, in place of all others."""

    def of(self, name: str) -> Rules:
        """Those of a model."""
        return self.models.get(name, self)


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
    """The policy of the environment (``WHATSIT_PROMOTION``, JSON), else of the settings' file, else the default one.

    Raises InvalidPolicy.
    """
    try:
        if (given := os.environ.get(_VARIABLE)) is not None:
            return Policy.model_validate_json(given)
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("promotion", {})
        return Policy.model_validate(table)
    except FileNotFoundError:
        return Policy()
    except ValidationError as error:
        raise InvalidPolicy(f"{file}: promotion.{first_problem(error, 'promotion')}") from error
    except ValueError as error:  # of which TOMLDecodeError and UnicodeDecodeError are kinds
        raise InvalidPolicy(f"{file} is not TOML: {error}") from error


def judge(policy: Rules, candidate: Metrics | None, incumbent: Metrics | None) -> list[Check]:
    """All checks: accuracy, macro F1, and the recall of every class.

    A candidate that was never evaluated (None) has reached nothing: it passes where nothing is asked for, and nobody
    was better.
    """
    if candidate is None:
        return list(_of_nobody(policy, incumbent))
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


def _of_nobody(policy: Rules, incumbent: Metrics | None) -> Iterator[Check]:
    accuracy = incumbent.accuracy if incumbent else None
    yield _check("accuracy (never evaluated)", 0, accuracy, policy.min_accuracy, policy.max_accuracy_drop)
    if policy.min_macro_f1:
        yield Check("macro F1 (never evaluated)", 0, None, policy.min_macro_f1)
    if policy.min_class_recall:
        yield Check("recall of every class (never evaluated)", 0, None, policy.min_class_recall)
    for label, floor in policy.class_floors.items():
        yield Check(f"recall of {label} (never evaluated)", 0, None, floor)


def failures(checks: Sequence[Check]) -> list[Check]:
    """Those that were not passed."""
    return [check for check in checks if not check.passed]


def _classes(policy: Rules, candidate: Metrics, incumbent: Metrics | None) -> Iterator[Check]:
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
