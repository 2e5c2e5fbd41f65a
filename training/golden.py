"""Golden images for a bundle: a few encoded images with their origin, kept in a folder with SOURCES.toml.

[images]
"cat.png" = "scikit-image's data.chelsea(), CC0"
"""

import json
import re
import tomllib
from pathlib import Path

import numpy as np

from models.decode import Limits, sniff
from models.golden import MAX_IMAGES, GoldenImage
from models.postprocess import Probabilities
from training.data.dataset import Dataset
from training.errors import InvalidData

SOURCES = "SOURCES.toml"
_SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
_TELLING_SCORE = 0.9
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_UNSTATED = "origin and licence not stated"


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


def read_golden(folder: Path) -> list[GoldenImage]:
    """All images of a folder, by name, with what SOURCES.toml says of each; raises InvalidData.

    Other TOML and Markdown files beside them do not count. Each file is read once, and none that is too large.
    """
    if not folder.is_dir():
        raise InvalidData(f"{folder} is not a folder of golden images")
    sources = _sources(folder / SOURCES)
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    files = [path for path in files if path.suffix.lower() not in {".toml", ".md"}]
    _refuse_unfit(folder, files, sources)
    return [GoldenImage(path.name, path.read_bytes(), sources.get(path.name, _UNSTATED)) for path in files]


def _refuse_unfit(folder: Path, files: list[Path], sources: dict[str, str]) -> None:
    """Before any file is read; whether it is an image is found out when it is published."""
    odd = [path.name for path in files if not _NAME.fullmatch(path.name)]
    if odd:
        raise InvalidData(f"{folder}: rename {odd[0]!r}: use letters, digits, '.', '_' and '-' only")
    missing = sorted(sources.keys() - {path.name for path in files})
    if missing:
        raise InvalidData(f"{folder}/{SOURCES} names {missing[0]}, which is not there")
    if not files:
        raise InvalidData(f"{folder} has no images")
    if len(files) > MAX_IMAGES:
        raise InvalidData(f"{folder} has {len(files):,} files; at most {MAX_IMAGES:,} golden images can be published")
    most = Limits().max_bytes
    large = [path for path in files if path.stat().st_size > most]
    if large:
        raise InvalidData(f"{large[0]} has {large[0].stat().st_size:,} bytes; at most {most:,} are accepted")


def _toml_string(text: str) -> str:
    """TOML's basic string: JSON's, but without its pairs of surrogates, and with DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _sources(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        images: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))["images"]
        sources = {name: source for name, source in images.items() if isinstance(source, str)}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, AttributeError) as error:
        raise InvalidData(f"{path} is no TOML with a table [images]: {error}") from error
    odd = sorted(images.keys() - sources.keys())
    if odd:  # without quotes TOML reads cat.png as a table cat with a key png
        raise InvalidData(f'{path} gives no text for {odd[0]!r}: write "cat.png" = "origin, licence", both in quotes')
    return sources
