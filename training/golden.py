"""Choosing golden images from a test split, and keeping them in a folder as ``models.golden_folder`` reads it."""

import json
import re
from pathlib import Path

import numpy as np

from models.decode import sniff
from models.golden import GoldenImage
from models.golden_folder import SOURCES
from models.postprocess import Probabilities
from training.data.dataset import Dataset

_SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
_TELLING_SCORE = 0.9


def choose_golden(data: Dataset, probabilities: Probabilities, licence: str) -> list[GoldenImage]:
    """One image of each class from the test split, as the source encodes it.

    It is the one scored nearest to 0.9: recognised, but not so surely that its probabilities would hide a change.
    ``probabilities`` are those of the test split, in its order.
    """
    rows = data.splits.test
    targets = data.targets[rows]
    images = []
    for index, label in enumerate(data.labels):
        places = np.flatnonzero(targets == index)
        if not len(places):
            continue
        row = int(rows[places[np.abs(probabilities[places, index] - _TELLING_SCORE).argmin()]])
        content = data.source.read(row)
        name = f"{index:03d}-{re.sub(r'[^A-Za-z0-9]+', '-', label).strip('-') or 'class'}.{_SUFFIX[sniff(content)]}"
        origin = f"{data.source.name}, {data.source.samples[row].key}"
        images.append(GoldenImage(name, content, f"{origin}; {licence or 'licence not stated'}"))
    return images


def write_golden(folder: Path, images: list[GoldenImage]) -> None:
    """Keep images in a folder of their own, with their sources."""
    folder.mkdir(exist_ok=True)
    for image in images:
        (folder / image.name).write_bytes(image.data)
    lines = [f"{_toml_string(image.name)} = {_toml_string(image.source)}\n" for image in images]
    (folder / SOURCES).write_text("[images]\n" + "".join(lines), encoding="utf-8")


def _toml_string(text: str) -> str:
    """TOML's basic string: JSON's, but without its pairs of surrogates, and with DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
