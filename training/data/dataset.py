"""A data set ready for training: every image as the service would see it, and which split it is in."""

import errno
import hashlib
import math
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.decode import Limits, OpenImage
from models.errors import ImageError
from models.manifest import InputSpec
from models.preprocess import Pixels, preprocess
from training.config import Recipe
from training.data.samples import SPLITS, Source, Split
from training.data.splits import SplitRecord, Splits, fingerprint, make_splits
from training.errors import InvalidData
from training.progress import bar, say

# Beyond this the pixels are kept in a file that the operating system pages in and out.
_IN_MEMORY_BYTES = 1 << 30
_NAMED = 10
# Images a task of the pool: one by one, its bookkeeping took a quarter of the time of 32 x 32 images.
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Original:
    """An image as it was encoded: format and mode as Pillow names them, upright size, sha256 of the bytes."""

    format: str
    mode: str
    width: int
    height: int
    sha256: bytes


@dataclass(frozen=True)
class Decoded:
    """Some samples as the service would see them: ``pixels`` uint8 ``[N, height, width, channels]``.

    ``digests`` has the sha256 of each row, ``originals`` what it was decoded from, both None where the sample could not
    be read; ``unreadable`` has the reason by the key of those.
    """

    pixels: Pixels
    digests: list[bytes | None]
    originals: list[Original | None]
    unreadable: dict[str, str]


@dataclass(frozen=True)
class Dataset:
    """All samples of ``source`` decoded, and ``targets`` int64 ``[N]``, the indices of their labels."""

    source: Source
    decoded: Decoded
    targets: NDArray[np.int64]
    splits: Splits
    record: SplitRecord

    @property
    def pixels(self) -> Pixels:
        """uint8 ``[N, height, width, channels]``."""
        return self.decoded.pixels

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.source.labels

    def count(self, split: Split) -> int:
        """How many images a split has."""
        return len(self.splits[split])


def load_dataset(source: Source, recipe: Recipe, cache: Path | None = None) -> Dataset:
    """Decode every image of ``source`` and split it; large sets are kept in a file in the folder ``cache``.

    Raises InvalidData when too little is left to learn from. Unreadable files are named, skipped and counted.
    """
    decoded = decode(source, range(len(source.samples)), recipe.input, cache)
    splits = split(source, decoded, recipe)
    for name, count in splits.duplicates.items():
        if count:
            say(f"removed {count} images from the {name} split: the same pixels are in another split")
    targets = np.array([sample.label for sample in source.samples], np.int64)
    return Dataset(source, decoded, targets, splits, _record(source, splits, decoded))


def split(source: Source, decoded: Decoded, recipe: Recipe) -> Splits:
    """The splits of all samples of ``source``.

    Raises InvalidData when most files are no images, or when a class has too few images for the splits.
    """
    _refuse_foreign(source, decoded)
    _refuse_scarce(source, decoded)
    return make_splits(source.samples, decoded.digests, recipe.data, recipe.seed)


def decode(source: Source, rows: Sequence[int], spec: InputSpec, cache: Path | None = None) -> Decoded:
    """Decode the samples at ``rows`` in several threads; unreadable ones are named, left black and counted.

    Beyond 1 GiB the pixels go to a file in the folder ``cache`` where one is given.
    """
    pixels = _allocate((len(rows), *spec.shape), cache)
    errors: dict[int, str] = {}

    def decode_one(place: int) -> tuple[Original | None, bytes | None]:
        try:
            data = source.read(rows[place])
            image = OpenImage(data, Limits())
            width, height = image.upright_size
            pixels[place] = preprocess(image, spec)
        except (ImageError, OSError) as error:
            errors[place] = str(error)
            return None, None
        original = Original(image.format, image.mode, width, height, hashlib.sha256(data).digest())
        return original, hashlib.sha256(pixels[place]).digest()

    def decode_chunk(start: int) -> list[tuple[Original | None, bytes | None]]:
        return [decode_one(place) for place in range(start, min(start + _CHUNK, len(rows)))]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        chunks = chain.from_iterable(pool.map(decode_chunk, range(0, len(rows), _CHUNK)))
        both = list(bar(chunks, "reading images", len(rows)))
    unreadable = {source.samples[rows[place]].key: errors[place] for place in sorted(errors)}
    _tell_skipped(unreadable)
    return Decoded(pixels, [digest for _, digest in both], [original for original, _ in both], unreadable)


def _refuse_foreign(source: Source, decoded: Decoded) -> None:
    """Where most files are no images, somebody named another folder, often the one above."""
    unreadable, total = len(decoded.unreadable), len(source.samples)
    if 2 * unreadable > total:
        raise InvalidData(
            f"{unreadable:,} of {total:,} files in {source.name} cannot be read as images: give the folder that has a "
            "folder of images for each class, and nothing else in it"
        )


def _refuse_scarce(source: Source, decoded: Decoded) -> None:
    """Name the classes that have not one image for each split that is drawn from them, before any is drawn."""
    given = {sample.split for sample in source.samples}
    least = 1 + len({"validation", "test"} - given)
    learnt: dict[int, set[bytes]] = {index: set() for index in range(len(source.labels))}
    for sample, digest in zip(source.samples, decoded.digests, strict=True):
        if digest is not None and sample.split in {"train", None}:
            learnt[sample.label].add(digest)
    scarce = [f"{source.labels[index]!r} ({len(found)})" for index, found in learnt.items() if len(found) < least]
    if scarce and given & {"train", None}:  # else splitting says that there is nothing to train on at all
        raise InvalidData(
            f"too few images to learn from in {', '.join(scarce)}: {least} that differ and can be read are the least"
        )


def _tell_skipped(reasons: dict[str, str]) -> None:
    for key, reason in list(reasons.items())[:_NAMED]:
        say(f"skipped {key}: {reason}")
    if len(reasons) > _NAMED:
        say(f"skipped {len(reasons) - _NAMED} more that cannot be read")


def _record(source: Source, splits: Splits, decoded: Decoded) -> SplitRecord:
    samples = source.samples
    digests = {
        split: [digest for index in splits[split] if (digest := decoded.digests[index]) is not None] for split in SPLITS
    }
    return SplitRecord(
        source=source.name,
        labels=source.labels,
        duplicates=splits.duplicates,
        unreadable=tuple(decoded.unreadable),
        fingerprints={
            split: fingerprint([samples[index].label for index in splits[split]], digests[split]) for split in SPLITS
        },
        keys={split: tuple(samples[index].key for index in splits[split]) for split in SPLITS},
        test_images=tuple(digest.hex() for digest in digests["test"]),
    )


def _allocate(shape: tuple[int, ...], cache: Path | None) -> Pixels:
    size = math.prod(shape)
    if cache is None or size <= _IN_MEMORY_BYTES:
        return np.zeros(shape, np.uint8)
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if size > free:  # a mapped file is written to when it is paged out, and a full disk ends the process without a word
        told = f"the pixels of all images take {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        raise OSError(errno.ENOSPC, told, str(cache))
    return np.lib.format.open_memmap(cache / "pixels.npy", "w+", np.uint8, shape)
