"""Images on which a challenger disagreed, kept for people to look at; off unless they are asked for."""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)


class Example(NamedTuple):
    """One kept image: its ``id``, who said what of it, and how many bytes it has."""

    id: str
    version: str
    challenger: str
    label: str
    challenger_label: str
    bytes: int


class Examples:
    """Keeps at most ``limit`` bytes of images in ``folder``, which all processes share; nothing where that is None.

    Each has a file of its own, named by its content, beside one that says what it is an example of.
    """

    def __init__(self, folder: Path | None, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def keep(self, model: str, versions: tuple[str, str], label: str, challenger_label: str, data: bytes) -> None:
        """Keep an image, unless there is no room any more."""
        if self._folder is None:
            return
        folder = self._folder / model
        name = hashlib.sha256(data).hexdigest()[:32]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / name).exists() or self._held() + len(data) > self._limit:
                return
            (folder / name).write_bytes(data)
            told = Example(name, *versions, label, challenger_label, len(data))._asdict()
            (folder / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")
        except OSError as error:
            log.warning("example not kept", extra={"model": model, "reason": error.strerror or str(error)})

    def list(self, model: str) -> Iterator[Example]:
        """What is kept of a model."""
        if self._folder is not None:
            for file in sorted((self._folder / model).glob("*.json")):
                yield Example(**json.loads(file.read_text(encoding="utf-8")))

    def read(self, model: str, example: str) -> bytes | None:
        """The bytes of one that is listed; None where there is none of that id."""
        known = any(found.id == example for found in self.list(model))
        return (self._folder / model / example).read_bytes() if known and self._folder is not None else None

    def _held(self) -> int:
        assert self._folder is not None  # noqa: S101 - keep() has seen to that
        return sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())
