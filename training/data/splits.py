"""Disjoint splits: those of the source where it has them, drawn by a seed where it has not, without duplicates."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import Sha256, Strict
from training.data.samples import SPLITS, Sample, Split
from training.errors import InvalidData
from training.seed import generator
from training.settings import DataSettings

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Splits:
    """Indices into the samples; ``duplicates`` counts what was removed from each split for being in another."""

    train: Indices
    validation: Indices
    test: Indices
    duplicates: dict[str, int]

    def __getitem__(self, split: Split) -> Indices:
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


class SplitRecord(Strict):
    """``splits.json``: the keys of every split, and the sha256 of their content, as the run saves them.

    ``test_images`` has the sha256 of the pixels of each test image, so that they are known again among others; there
    are none in a run of before these were kept.
    """

    source: str
    labels: tuple[str, ...]
    fingerprints: dict[Split, str]
    duplicates: dict[str, int]
    unreadable: tuple[str, ...]
    keys: dict[Split, tuple[str, ...]]
    test_images: tuple[Sha256, ...] = ()

    def summary(self) -> dict[str, Any]:
        """For the manifest: what the data was, in counts and checksums."""
        return {
            "source": self.source,
            "images": {split: len(keys) for split, keys in self.keys.items()},
            "duplicates_removed": self.duplicates,
            "unreadable": len(self.unreadable),
            "sha256": self.fingerprints,
        }

    def changes(self, now: "SplitRecord") -> Iterator[str]:
        """What of the classes and images in the splits is not the same ``now``, for people; nothing where all is."""
        if now.labels != self.labels:
            yield f"the classes were {', '.join(self.labels)} and are {', '.join(now.labels)}"
        for split in SPLITS:
            before, after = self.keys[split], now.keys[split]
            new, gone = len(set(after) - set(before)), len(set(before) - set(after))
            if new or gone:
                yield f"of the {split} split {gone:,} images are gone and {new:,} are new"
            elif after != before:
                yield f"the images of the {split} split are in another order"
            elif now.fingerprints[split] != self.fingerprints[split]:
                yield f"images of the {split} split have other pixels or another class than before"

    @property
    def fingerprint(self) -> str:
        """One sha256 of all splits."""
        return hashlib.sha256("".join(self.fingerprints[split] for split in SPLITS).encode()).hexdigest()


def make_splits(
    samples: Sequence[Sample], digests: Sequence[bytes | None], settings: DataSettings, seed: int
) -> Splits:
    """Put every readable sample into one split; raises InvalidData when a class is left without images.

    ``digests`` are of the pixels that the network will see, None for an unreadable sample. A sample whose pixels
    are also in the test split is removed from validation and training, one that is in validation from training:
    the test split of a published data set stays as its publisher made it.
    """
    usable = np.array([index for index, digest in enumerate(digests) if digest is not None], np.int64)
    labels = np.array([sample.label for sample in samples], np.int64)
    own: dict[str, Indices] = {split: _of(samples, usable, split) for split in SPLITS}
    if all(sample.split in {"validation", "test"} for sample in samples):
        raise InvalidData("there is nothing to train on: all images are in val/ or test/, and there is no train/")
    rest = np.concatenate([own["train"], usable[[samples[index].split is None for index in usable]]])
    counts = {}
    test = own["test"]
    if not len(test):
        test, rest = _draw(rest, labels, settings.test, seed, "test")
    validation, counts["validation"] = _without(own["validation"], test, digests)
    rest, in_test = _without(rest, test, digests)
    if not len(validation):
        validation, rest = _draw(rest, labels, settings.validation, seed, "validation")
    train, in_validation = _without(rest, validation, digests)
    counts["train"] = in_test + in_validation
    splits = Splits(train, validation, test, counts)
    _refuse_empty(splits, labels)
    return splits


def spread(rows: Indices, count: int) -> Indices:
    """At most ``count`` of ``rows``, evenly spaced: a folder lists one class after another."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)]


def fingerprint(labels: Sequence[int], digests: Sequence[bytes]) -> str:
    """The sha256 of a split's content: labels and pixels, whatever the order of the images and their names."""
    rows = sorted(digest + label.to_bytes(4, "little") for label, digest in zip(labels, digests, strict=True))
    return hashlib.sha256(b"".join(rows)).hexdigest()


def _of(samples: Sequence[Sample], usable: Indices, split: Split) -> Indices:
    return usable[[samples[index].split == split for index in usable]]


def _draw(pool: Indices, labels: Indices, share: float, seed: int, purpose: str) -> tuple[Indices, Indices]:
    """Draw ``share`` of every class of ``pool``, at least one; returns what was drawn and what is left, in order."""
    drawn = []
    for label in np.unique(labels[pool]).tolist():
        members = pool[labels[pool] == label]
        count = max(1, round(share * len(members)))
        drawn.append(generator(seed, "split", purpose, label).permutation(members)[:count])
    chosen = np.sort(np.concatenate(drawn)) if drawn else pool
    return chosen, np.setdiff1d(pool, chosen)


def _without(indices: Indices, others: Indices, digests: Sequence[bytes | None]) -> tuple[Indices, int]:
    known = {digests[index] for index in others}
    kept = [index for index in indices.tolist() if digests[index] not in known]
    return np.array(kept, np.int64), len(indices) - len(kept)


def _refuse_empty(splits: Splits, labels: Indices) -> None:
    wanted = set(labels.tolist())
    for split in SPLITS:
        present = set(labels[splits[split]].tolist())
        if not present or (split == "train" and present != wanted):
            missing = sorted(wanted - present)
            raise InvalidData(
                f"too few images: the {split} split has none of {len(missing)} classes (the first is number "
                f"{missing[0]}), once images that are in two splits are taken out of one; three different images a "
                "class are the least, and more where data.validation and data.test take large shares"
            )
