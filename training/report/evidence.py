"""What the report needs and no other file of a run has, kept while the data is at hand.

The answers to the test split are kept too, so that it need not be read a second time to draw a curve over them.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.manifest import Precision, Strict
from models.postprocess import Probabilities
from training.data.dataset import Dataset
from training.data.samples import SPLITS, Split
from training.errors import RunUnusable
from training.report.thumbnails import thumbnail
from training.run import Run, write_bytes, write_model
from training.scores import Targets, confusion_matrix

_MISTAKES = 24
_PAIRS = 8
_EXAMPLES = 4


class Mistake(Strict):
    """A test image that was taken for another class; ``thumbnail`` is a data URI of what the network saw.

    ``truth`` and ``answer`` are indices of labels, ``score`` is the one of the answer, ``truth_score`` of the truth.
    """

    key: str
    truth: int
    answer: int
    score: float
    truth_score: float
    thumbnail: str


class Pair(Strict):
    """How many test images of one class were taken for one other; ``examples`` begin with the surest."""

    truth: int
    answer: int
    images: int
    examples: tuple[Mistake, ...]


class Evidence(Strict):
    """``evidence.json``: images of each class by split, the pairs most often confused, the surest mistakes."""

    counts: dict[Split, tuple[int, ...]]
    pairs: tuple[Pair, ...]
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """The graph's probabilities float32 ``[N, classes]`` for the test split, and its ``targets`` int64 ``[N]``."""

    probabilities: Probabilities
    targets: Targets

    @property
    def scores(self) -> NDArray[np.float32]:
        """The score of each best guess."""
        best: NDArray[np.float32] = self.probabilities.max(axis=1)
        return best

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each best guess is the truth; ties go to the lower index."""
        found: NDArray[np.bool_] = self.probabilities.argmax(axis=1) == self.targets
        return found


def keep(run: Run, data: Dataset, probabilities: Probabilities, precision: Precision = "fp32") -> None:
    """Save ``probabilities`` of the test split of ``data``, and the evidence, in the folder of ``run``."""
    answers = Answers(probabilities, data.targets[data.splits.test])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, probabilities=answers.probabilities, targets=answers.targets)
    write_bytes(run.answers_file(precision), buffer.getvalue())
    write_model(run.evidence_file(precision), _evidence(data, answers))


def read_evidence(run: Run, precision: Precision = "fp32") -> Evidence:
    """What ``keep`` saved; raises RunUnusable when it did not, or it cannot be read."""
    return run.load(Evidence, run.evidence_file(precision))


def read_answers(run: Run, precision: Precision = "fp32") -> Answers:
    """What ``keep`` saved; raises RunUnusable when it did not, or it cannot be read."""
    path = run.answers_file(precision)
    try:
        with np.load(path, allow_pickle=False) as file:
            return Answers(file["probabilities"], file["targets"])
    except FileNotFoundError as error:
        raise RunUnusable(f"{run.folder}: there is no {path.name}: the run is not finished") from error
    except Exception as error:  # a damaged file raises whatever its bytes are taken for
        raise RunUnusable(f"{path} is damaged: put it back, or train anew") from error


def _evidence(data: Dataset, answers: Answers) -> Evidence:
    classes = len(data.labels)
    wrong = np.flatnonzero(~answers.right)
    wrong = wrong[np.argsort(-answers.scores[wrong], kind="stable")]
    guesses = answers.probabilities.argmax(axis=1)
    confused = confusion_matrix(guesses[wrong], answers.targets[wrong], classes)
    pairs = []
    for place in np.argsort(-confused, axis=None, kind="stable")[:_PAIRS].tolist():
        truth, answer = divmod(place, classes)
        if count := int(confused[truth, answer]):
            chosen = wrong[(answers.targets[wrong] == truth) & (guesses[wrong] == answer)][:_EXAMPLES]
            examples = _mistakes(data, answers, chosen.tolist())
            pairs.append(Pair(truth=truth, answer=answer, images=count, examples=examples))
    return Evidence(
        counts={split: _counts(data, split) for split in SPLITS},
        pairs=tuple(pairs),
        mistakes=_mistakes(data, answers, wrong[:_MISTAKES].tolist()),
    )


def _counts(data: Dataset, split: Split) -> tuple[int, ...]:
    return tuple(np.bincount(data.targets[data.splits[split]], minlength=len(data.labels)).tolist())


def _mistakes(data: Dataset, answers: Answers, places: Iterable[int]) -> tuple[Mistake, ...]:
    return tuple(_mistake(data, answers, place) for place in places)


def _mistake(data: Dataset, answers: Answers, place: int) -> Mistake:
    row = int(data.splits.test[place])
    probabilities, truth = answers.probabilities[place], int(answers.targets[place])
    return Mistake(
        key=data.source.samples[row].key,
        truth=truth,
        answer=int(probabilities.argmax()),
        score=float(probabilities.max()),
        truth_score=float(probabilities[truth]),
        thumbnail=thumbnail(data.pixels[row]),
    )
