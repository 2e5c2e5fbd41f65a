import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.support import tiny_recipe
from training.data.dataset import Dataset, load_dataset
from training.data.folder import FolderSource
from training.errors import RunUnusable
from training.report.evidence import keep, read_answers, read_evidence
from training.report.thumbnails import thumbnail
from training.run import Run

ACROSS, DISC, DOWN = range(3)


@pytest.fixture
def data(drawings: Path, tmp_path: Path) -> Dataset:
    """30 test images, ten of each class in their order."""
    return load_dataset(FolderSource(drawings), tiny_recipe(tmp_path))


def answers(*wrong: tuple[int, int, float]) -> np.ndarray:
    """Right with 0.6 each, but those at ``(place, answer, score)``."""
    probabilities = np.full((30, 3), 0.2, np.float32)
    probabilities[np.arange(30), np.repeat([ACROSS, DISC, DOWN], 10)] = 0.6
    for place, answer, score in wrong:
        probabilities[place] = (1 - score) / 2
        probabilities[place, answer] = score
    return probabilities


def test_the_answers_come_back(data: Dataset, tmp_path: Path) -> None:
    run, probabilities = Run(tmp_path), answers((0, DISC, 0.9))
    keep(run, data, probabilities)
    got = read_answers(run)
    assert (got.probabilities == probabilities).all()
    assert (got.targets == data.targets[data.splits.test]).all()
    assert got.scores[:2].tolist() == pytest.approx([0.9, 0.6])
    assert got.right.tolist() == [False] + [True] * 29


def test_images_are_counted_by_class_and_split(data: Dataset, tmp_path: Path) -> None:
    keep(Run(tmp_path), data, answers())
    evidence = read_evidence(Run(tmp_path))
    assert evidence.counts == {"train": (36, 36, 36), "validation": (4, 4, 4), "test": (10, 10, 10)}
    assert (evidence.pairs, evidence.mistakes) == ((), ())


def test_the_surest_mistakes_come_first_and_show_what_the_network_saw(data: Dataset, tmp_path: Path) -> None:
    keep(Run(tmp_path), data, answers((3, DOWN, 0.7), (12, ACROSS, 0.95)))
    first, second = read_evidence(Run(tmp_path)).mistakes
    row = data.splits.test[12]
    assert (first.truth, first.answer, first.key) == (DISC, ACROSS, data.source.samples[row].key)
    assert (first.score, first.truth_score) == pytest.approx((0.95, 0.025))
    assert first.thumbnail == thumbnail(data.pixels[row])
    assert (second.truth, second.answer) == (ACROSS, DOWN)


def test_pairs_are_those_most_often_confused_with_their_surest_examples(data: Dataset, tmp_path: Path) -> None:
    discs = [(10 + place, DOWN, 0.7 + place / 100) for place in range(6)]
    keep(Run(tmp_path), data, answers((0, DISC, 0.99), *discs))
    often, rare = read_evidence(Run(tmp_path)).pairs
    assert (often.truth, often.answer, often.images) == (DISC, DOWN, 6)
    assert [example.score for example in often.examples] == pytest.approx([0.75, 0.74, 0.73, 0.72])
    assert (rare.truth, rare.answer, rare.images, len(rare.examples)) == (ACROSS, DISC, 1, 1)


def test_however_many_mistakes_there_are_the_file_stays_small(data: Dataset, tmp_path: Path) -> None:
    keep(Run(tmp_path), data, np.roll(answers(), 1, axis=1))
    evidence = read_evidence(Run(tmp_path))
    assert (len(evidence.mistakes), len(evidence.pairs)) == (24, 3)
    assert (tmp_path / "evidence.json").stat().st_size < 100_000
    assert json.loads((tmp_path / "evidence.json").read_text()).keys() == {"counts", "pairs", "mistakes"}


def test_damaged_answers_are_named(data: Dataset, tmp_path: Path) -> None:
    run = Run(tmp_path)
    keep(run, data, answers())
    run.answers_file().write_bytes(b"damaged")
    with pytest.raises(RunUnusable, match=r"test\.npz is damaged: put it back, or train anew"):
        read_answers(run)
    run.evidence_file().write_text('{"counts": 3}')
    with pytest.raises(RunUnusable, match=r"evidence\.json is damaged: counts: Input should be an object"):
        read_evidence(run)


def test_a_run_without_them_says_so(tmp_path: Path) -> None:
    for read in (read_answers, read_evidence):
        with pytest.raises(RunUnusable, match="the run is not finished"):
            read(Run(tmp_path))
