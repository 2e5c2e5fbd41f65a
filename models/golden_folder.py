"""Folders of golden images: encoded images with their origin, which stands in SOURCES.toml.

[images]
"cat.png" = "scikit-image's data.chelsea(), CC0"
"""

import re
import tomllib
from pathlib import Path

from models.decode import Limits
from models.errors import GoldenUnusable
from models.golden import MAX_IMAGES, GoldenImage
from models.manifest import FILE_NAME

SOURCES = "SOURCES.toml"
_UNSTATED = "origin and licence not stated"


def read_golden(folder: Path) -> list[GoldenImage]:
    """All images of a folder, by name, with what SOURCES.toml says of each; raises GoldenUnusable.

    Other TOML and Markdown files beside them do not count. Each file is read once, and none that is too large.
    """
    if not folder.is_dir():
        raise GoldenUnusable(f"{folder} is not a folder of golden images")
    sources = _sources(folder / SOURCES)
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    files = [path for path in files if path.suffix.lower() not in {".toml", ".md"}]
    _refuse_unfit(folder, files, sources)
    return [GoldenImage(path.name, path.read_bytes(), sources.get(path.name, _UNSTATED)) for path in files]


def _refuse_unfit(folder: Path, files: list[Path], sources: dict[str, str]) -> None:
    """Before any file is read; whether it is an image is found out when it is published."""
    odd = [path.name for path in files if not re.fullmatch(FILE_NAME, path.name)]
    if odd:
        raise GoldenUnusable(f"{folder}: rename {odd[0]!r}: use letters, digits, '.', '_' and '-' only")
    missing = sorted(sources.keys() - {path.name for path in files})
    if missing:
        raise GoldenUnusable(f"{folder}/{SOURCES} names {missing[0]}, which is not there")
    if not files:
        raise GoldenUnusable(f"{folder} has no images")
    if len(files) > MAX_IMAGES:
        raise GoldenUnusable(
            f"{folder} has {len(files):,} files; at most {MAX_IMAGES:,} golden images can be published"
        )
    most = Limits().max_bytes
    large = [path for path in files if path.stat().st_size > most]
    if large:
        raise GoldenUnusable(f"{large[0]} has {large[0].stat().st_size:,} bytes; at most {most:,} are accepted")


def _sources(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        images: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))["images"]
        sources = {name: source for name, source in images.items() if isinstance(source, str)}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, AttributeError) as error:
        raise GoldenUnusable(f"{path} is no TOML with a table [images]: {error}") from error
    odd = sorted(images.keys() - sources.keys())
    if odd:  # without quotes TOML reads cat.png as a table cat with a key png
        raise GoldenUnusable(
            f'{path} gives no text for {odd[0]!r}: write "cat.png" = "origin, licence", both in quotes'
        )
    return sources
