"""Data sets that come as arrays: CIFAR-10 in its official binary layout, and IDX files.

Each image is encoded as PNG when it is read, so that it takes the same way through ``models`` as an upload.
"""

import gzip
import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.samples import Fault, Sample, Split
from training.errors import InvalidData

_CIFAR_ROW = 1 + 3 * 32 * 32
_CIFAR_FILES: dict[Split, list[str]] = {
    "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["test_batch.bin"],
}
_IDX_UINT8 = 8
_IDX_PARTS: dict[Split, str] = {"train": "train", "test": "t10k|test"}


@dataclass(frozen=True)
class _Part:
    images: NDArray[np.uint8]  # [N, height, width, 3] or [N, height, width]
    numbers: NDArray[np.uint8]  # [N]


class ArraySource:
    """Images in arrays, one part a split; see open_cifar10 and open_idx."""

    def __init__(self, name: str, labels: tuple[str, ...], parts: dict[Split, _Part], first: tuple[int, ...]) -> None:
        self.name = name
        self.labels = labels
        self.faults: tuple[Fault, ...] = ()
        self._places: list[tuple[NDArray[np.uint8], int]] = []
        self.samples: list[Sample] = []
        index_of = {number: index for index, number in enumerate(first)}
        for split, part in parts.items():
            for row, number in enumerate(part.numbers.tolist()):
                self._places.append((part.images, row))
                self.samples.append(Sample(f"{split}/{row:06d}", index_of[number], split))

    def read(self, index: int) -> bytes:
        """One image as PNG."""
        images, row = self._places[index]
        buffer = io.BytesIO()
        Image.fromarray(images[row]).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def open_cifar10(root: Path) -> ArraySource:
    """CIFAR-10 in binary: rows of one label byte and 3 x 32 x 32 values (https://www.cs.toronto.edu/~kriz/cifar.html).

    ``root`` is the folder with ``data_batch_1.bin`` in it, or the one above. Raises InvalidData.
    """
    inner = root / "cifar-10-batches-bin"
    folder = inner if inner.is_dir() else root
    labels = tuple(_read(folder / "batches.meta.txt").decode().split())
    parts = {}
    for split, files in _CIFAR_FILES.items():
        rows = np.concatenate([_cifar_rows(folder / file, len(labels)) for file in files])
        images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        parts[split] = _Part(np.ascontiguousarray(images), rows[:, 0])
    return ArraySource("CIFAR-10", labels, parts, tuple(range(len(labels))))


def _cifar_rows(path: Path, classes: int) -> NDArray[np.uint8]:
    data = np.frombuffer(_read(path), np.uint8)
    if data.size == 0 or data.size % _CIFAR_ROW:
        raise InvalidData(f"{path} is not in CIFAR-10's binary layout: its size is no multiple of {_CIFAR_ROW}")
    rows = data.reshape(-1, _CIFAR_ROW)
    if rows[:, 0].max() >= classes:
        raise InvalidData(f"{path} has the label {rows[:, 0].max()}, but there are only {classes} names")
    return rows


def open_idx(root: Path, labels: tuple[str, ...], *, transpose: bool = False) -> ArraySource:
    """IDX files, plain or gzipped, of a training and a test split, as Fashion-MNIST and EMNIST name them.

    ``labels`` names the classes in rising order of their numbers, which need not begin at 0; without it the numbers
    are the names. ``transpose`` exchanges rows and columns: EMNIST's images lie on their side. Raises InvalidData.
    """
    parts = {}
    for split, words in _IDX_PARTS.items():
        images = read_idx(_find(root, words, "images", 3))
        numbers = read_idx(_find(root, words, "labels", 1))
        if len(images) != len(numbers) or images.ndim != 3 or numbers.ndim != 1:
            raise InvalidData(f"{root}: the {split} images {images.shape} and labels {numbers.shape} do not match")
        upright = np.ascontiguousarray(images.transpose(0, 2, 1)) if transpose else images
        parts[split] = _Part(upright, numbers)
    classes = tuple(np.unique(parts["train"].numbers).tolist())
    unknown = sorted(set(np.unique(parts["test"].numbers).tolist()) - set(classes))
    if unknown:
        raise InvalidData(f"{root}: the test split has labels that training does not: {unknown}")
    names = labels or tuple(map(str, classes))
    if len(names) != len(classes):
        raise InvalidData(f"{root}: the data has {len(classes)} classes, but data.labels names {len(names)}")
    return ArraySource(root.resolve().name, names, parts, classes)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes (http://yann.lecun.com/exdb/mnist); raises InvalidData."""
    data = _read(path)
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidData(f"{path} is not a whole gzip file") from error
    if len(data) < 4 or data[:3] != bytes([0, 0, _IDX_UINT8]) or len(data) < 4 + 4 * data[3]:
        raise InvalidData(f"{path} is not an IDX file of bytes")
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * data[3])
    if values.size != np.prod(shape, dtype=np.int64):
        raise InvalidData(f"{path} says it holds {shape}, but has {values.size} values")
    return values.reshape(shape)


def _find(root: Path, words: str, what: str, dimensions: int) -> Path:
    tails = (f"{what}-idx{dimensions}-ubyte", f"{what}.idx{dimensions}-ubyte")
    found: dict[str, Path] = {}  # by the name without .gz: a file that is there packed and unpacked is one
    for path in sorted(path for path in root.iterdir() if path.is_file()) if root.is_dir() else []:
        name = path.name.removesuffix(".gz")
        if name.endswith(tails) and any(word in name.split("-") for word in words.split("|")):
            found.setdefault(name, path)
    sought = f"the {words.replace('|', ' or ')} {what}"
    if not found:
        raise InvalidData(f"{root}: no IDX file of {sought} (…{what}-idx{dimensions}-ubyte)")
    if len(found) > 1:
        raise InvalidData(f"{root}: {', '.join(found)} are all {sought}: keep one data set in a folder")
    return next(iter(found.values()))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidData(f"{path} cannot be read: {error.strerror}") from error
