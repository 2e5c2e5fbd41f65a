"""Small data sets, recipes and runs, all made on the spot."""

import gzip
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.images import encode
from training.config import Recipe, load_recipe

CLASSES = ("across", "disc", "down")
SIZE = 16

RECIPE = """
description = "Stripes and discs"
seed = 3
data = { kind = "folder", licence = "made by the tests" }
input = { height = 16, width = 16 }
augment = { flip = "alternating", translate = 1 }
optimizer = { name = "sgd", learning_rate = 0.2 }
fit = { epochs = 3, batch_size = 16 }
export = { variants = [] }
[architecture]
name = "cnn"
stem = { kernel = 2 }
blocks = [{ channels = 16, pool_at = "first" }, { channels = 16, convolutions = 2 }]
head = { pool = "max", scale = 0.5 }
"""


def recipe_file(folder: Path) -> Path:
    """The tiny recipe as a file."""
    path = folder / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def tiny_recipe(folder: Path, *changes: str) -> Recipe:
    """The tiny recipe, changed as ``--set`` would."""
    return load_recipe(str(recipe_file(folder)), changes)


def drawing(label: str, seed: int) -> Image.Image:
    """Stripes across, stripes down, or a disc, in random colours, at a random place, under noise."""
    rng = np.random.default_rng((CLASSES.index(label), seed))
    down, across = np.mgrid[:SIZE, :SIZE] + rng.integers(0, 4)
    shape = {
        "across": down % 4 < 2,
        "down": across % 4 < 2,
        "disc": (down - SIZE / 2) ** 2 + (across - SIZE / 2) ** 2 < 25,
    }[label]
    colours = rng.integers(0, 90, 3), rng.integers(160, 255, 3)
    picture = np.where(shape[..., None], colours[1], colours[0]) + rng.normal(0, 12, (SIZE, SIZE, 3))
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def write_classes(root: Path, count: int, *, first: int = 0, classes: Iterable[str] = CLASSES) -> Path:
    """A folder of class folders with ``count`` PNG files each; another ``first`` gives other pictures."""
    for label in classes:
        folder = root / label
        folder.mkdir(parents=True, exist_ok=True)
        for seed in range(first, first + count):
            (folder / f"{seed:03d}.png").write_bytes(encode(drawing(label, seed), "PNG"))
    return root


def write_cifar10(root: Path, rows: int = 4) -> NDArray[np.uint8]:
    """CIFAR-10's binary files with ``rows`` images each; returns the test images [N, 32, 32, 3]."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n\n")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, rows, 32, 32, 3), dtype=np.uint8)
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        content = [bytes([row % 10]) + images[number, row].transpose(2, 0, 1).tobytes() for row in range(rows)]
        (root / f"{name}.bin").write_bytes(b"".join(content))
    return images[5]


def idx_bytes(values: NDArray[np.uint8]) -> bytes:
    """An IDX file of unsigned bytes."""
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write_idx(root: Path, names: dict[str, NDArray[np.uint8]], *, zipped: bool = False) -> Path:
    """IDX files by their names, gzipped with the suffix .gz where asked."""
    root.mkdir(parents=True, exist_ok=True)
    for name, values in names.items():
        content = idx_bytes(values)
        path = root / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)
    return root
