"""A data set ready for training: every image as the service would see it, and which split it is in."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import ImageError
from models.manifest import InputSpec
from models.preprocess import Pixels, load_pixels
from training.config import Recipe
from training.data.samples import SPLITS, Source, Split
from training.data.splits import SplitRecord, Splits, fingerprint, make_splits
from training.progress import bar, say

# Beyond this the pixels are kept in a file that the operating system pages in and out.
_IN_MEMORY_BYTES = 1 << 30
_NAMED = 10


@dataclass(frozen=True)
class Dataset:
    """``pixels`` uint8 ``[N, height, width, channels]`` and ``targets`` int64 ``[N]`` of all samples of ``source``."""

    source: Source
    pixels: Pixels
    targets: NDArray[np.int64]
    splits: Splits
    record: SplitRecord

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.source.labels

    def count(self, split: Split) -> int:
        """How many images a split has."""
        return len(self.splits[split])

    def summary(self) -> dict[str, object]:
        """For the manifest: what the data was, in counts and checksums."""
        return {
            "source": self.record.source,
            "images": {split: self.count(split) for split in SPLITS},
            "duplicates_removed": self.record.duplicates,
            "unreadable": len(self.record.unreadable),
            "sha256": self.record.fingerprints,
        }


def load_dataset(source: Source, recipe: Recipe, cache: Path) -> Dataset:
    """Decode every image of ``source`` and split it; large sets are kept in a file in the folder ``cache``.

    Raises InvalidData when too little is left to learn from. Unreadable files are named, skipped and counted.
    """
    pixels = _allocate((len(source.samples), *recipe.input.shape), cache)
    digests, errors = _decode_all(source, recipe.input, pixels)
    unreadable = [source.samples[index].key for index in sorted(errors)]
    for index in sorted(errors)[:_NAMED]:
        say(f"skipped {source.samples[index].key}: {errors[index]}")
    if len(errors) > _NAMED:
        say(f"skipped {len(errors) - _NAMED} more; splits.json of the run names all")
    splits = make_splits(source.samples, digests, recipe.data, recipe.seed)
    for split, count in Counter(splits.duplicates).items():
        if count:
            say(f"removed {count} images from the {split} split: the same pixels are in another split")
    targets = np.array([sample.label for sample in source.samples], np.int64)
    return Dataset(source, pixels, targets, splits, _record(source, splits, digests, unreadable))


def _record(source: Source, splits: Splits, digests: list[bytes | None], unreadable: list[str]) -> SplitRecord:
    samples = source.samples
    return SplitRecord(
        source=source.name,
        labels=source.labels,
        duplicates=splits.duplicates,
        unreadable=tuple(unreadable),
        fingerprints={
            split: fingerprint(
                [samples[index].label for index in splits[split]],
                [digest for index in splits[split] if (digest := digests[index]) is not None],
            )
            for split in SPLITS
        },
        keys={split: tuple(samples[index].key for index in splits[split]) for split in SPLITS},
    )


def _allocate(shape: tuple[int, ...], cache: Path) -> Pixels:
    if np.prod(shape, dtype=np.int64) <= _IN_MEMORY_BYTES:
        return np.zeros(shape, np.uint8)
    cache.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(cache / "pixels.npy", "w+", np.uint8, shape)


def _decode_all(source: Source, spec: InputSpec, pixels: Pixels) -> tuple[list[bytes | None], dict[int, str]]:
    """Fill ``pixels``; returns the digest of each row, None where it could not be read, and why it could not."""
    errors: dict[int, str] = {}

    def decode(index: int) -> bytes | None:
        try:
            pixels[index] = load_pixels(source.read(index), spec)
        except (ImageError, OSError) as error:
            errors[index] = str(error)
            return None
        return hashlib.sha256(pixels[index]).digest()

    return _in_threads(decode, len(source.samples), "reading images"), errors


def _in_threads(work: Callable[[int], bytes | None], count: int, what: str) -> list[bytes | None]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(bar(pool.map(work, range(count)), what, count))
