import hashlib
from collections import Counter

import numpy as np
import pytest

from training.data.samples import SPLITS, Sample, Split
from training.data.splits import SplitRecord, Splits, fingerprint, make_splits
from training.errors import InvalidData
from training.settings import DataSettings

SETTINGS = DataSettings(kind="folder", validation=0.2, test=0.25)


def samples(*parts: tuple[Split | None, int, int]) -> list[Sample]:
    """``(split, label, count)`` each."""
    return [Sample(f"{split}/{label}/{n}", label, split) for split, label, count in parts for n in range(count)]


def digests(count: int) -> list[bytes | None]:
    return [hashlib.sha256(str(n).encode()).digest() for n in range(count)]


def sizes(splits: Splits) -> tuple[int, ...]:
    return tuple(len(splits[split]) for split in SPLITS)


def test_splits_are_drawn_class_by_class() -> None:
    everything = samples((None, 0, 40), (None, 1, 20))
    splits = make_splits(everything, digests(60), SETTINGS, 1)
    assert sizes(splits) == (36, 9, 15)
    assert Counter(everything[row].label for row in splits.test) == {0: 10, 1: 5}
    assert Counter(everything[row].label for row in splits.validation) == {0: 6, 1: 3}
    assert len(set(splits.train) | set(splits.validation) | set(splits.test)) == 60


def test_the_seed_decides_and_nothing_else() -> None:
    everything = samples((None, 0, 40), (None, 1, 20))
    first, again, other = (make_splits(everything, digests(60), SETTINGS, seed) for seed in (1, 1, 2))
    assert (first.test == again.test).all()
    assert (first.validation == again.validation).all()
    assert (first.test != other.test).any()


def test_splits_of_the_source_are_kept_and_only_the_missing_one_is_drawn() -> None:
    everything = samples(("train", 0, 10), ("train", 1, 10), ("test", 0, 3), ("test", 1, 3))
    splits = make_splits(everything, digests(26), SETTINGS, 1)
    assert sizes(splits) == (16, 4, 6)
    assert splits.test.tolist() == list(range(20, 26))
    with_validation = samples(("train", 0, 5), ("train", 1, 5), ("validation", 0, 3), ("test", 1, 4))
    assert sizes(make_splits(with_validation, digests(17), SETTINGS, 1)) == (10, 3, 4)


def test_duplicates_leave_the_training_side_and_are_counted() -> None:
    everything = samples(("train", 0, 5), ("train", 1, 5), ("validation", 0, 2), ("validation", 1, 2), ("test", 0, 3))
    known = digests(17)
    known[0] = known[14]  # training and test
    known[10] = known[15]  # validation and test
    known[6] = known[12]  # training and validation
    splits = make_splits(everything, known, SETTINGS, 1)
    assert splits.duplicates == {"validation": 1, "train": 2}
    assert splits.test.tolist() == [14, 15, 16]
    assert splits.validation.tolist() == [11, 12, 13]
    assert splits.train.tolist() == [1, 2, 3, 4, 5, 7, 8, 9]


def test_a_picture_that_is_there_twice_never_lies_on_both_sides_of_a_drawn_split() -> None:
    everything = samples((None, 0, 30), (None, 1, 30))
    known = digests(30) * 2  # every picture once in each class
    splits = make_splits(everything, known, SETTINGS, 1)
    held = {known[row] for row in (*splits.validation, *splits.test)}
    assert not held & {known[row] for row in splits.train}
    assert not {known[row] for row in splits.test} & {known[row] for row in splits.validation}


def test_unreadable_samples_are_in_no_split() -> None:
    everything = samples((None, 0, 10), (None, 1, 10))
    known = digests(20)
    known[3] = known[17] = None
    splits = make_splits(everything, known, SETTINGS, 1)
    assert not {3, 17} & {row for split in SPLITS for row in splits[split].tolist()}


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (((None, 0, 5), (None, 1, 2)), "the train split has none of 1 classes"),
        (
            (("test", 0, 5), ("test", 1, 5)),
            "nothing to train on: all images are in val/ or test/, and there is no train/",
        ),
    ],
)
def test_too_few_images_are_refused(parts: tuple[tuple[Split | None, int, int], ...], reason: str) -> None:
    everything = samples(*parts)
    with pytest.raises(InvalidData, match=reason):
        make_splits(everything, digests(len(everything)), SETTINGS, 1)


def test_a_fingerprint_is_of_content_and_not_of_order() -> None:
    known = [digest for digest in digests(4) if digest is not None]
    first = fingerprint([0, 1, 1, 0], known)
    assert first == fingerprint([0, 0, 1, 1], [known[0], known[3], known[1], known[2]])
    assert first != fingerprint([0, 1, 1, 1], known)
    assert first != fingerprint([0, 1, 1], known[:3])


def test_a_record_tells_what_has_changed() -> None:
    def record(train: str, *, labels: str = "ab", sha256: str = "0", source: str = "data") -> SplitRecord:
        return SplitRecord(
            source=source,
            labels=tuple(labels),
            fingerprints={"train": sha256, "validation": "1", "test": "2"},
            duplicates={},
            unreadable=(),
            keys={"train": tuple(train), "validation": ("v",), "test": ("t",)},
        )

    known = record("xyz")
    assert list(known.changes(record("xyz", source="moved"))) == []
    assert list(known.changes(record("xpqr", sha256="9"))) == ["of the train split 2 images are gone and 3 are new"]
    assert list(known.changes(record("yxz"))) == ["the images of the train split are in another order"]
    assert list(known.changes(record("xyz", sha256="9"))) == [
        "images of the train split have other pixels or another class than before"
    ]
    assert list(known.changes(record("xyz", labels="ac"))) == ["the classes were a, b and are a, c"]


def test_large_sets_are_drawn_exactly() -> None:
    everything = samples(*[("train", label, 5000) for label in range(10)])
    splits = make_splits(everything, digests(50_000), DataSettings(kind="cifar10", validation=0.04, test=0.1), 1)
    assert sizes(splits) == (43_200, 1_800, 5_000)
    assert np.array_equal(np.sort(np.concatenate([splits[split] for split in SPLITS])), np.arange(50_000))
