"""Images on which a challenger disagreed, kept for people to look at; off unless they are asked for."""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

_TOLD = ".json"


class Example(NamedTuple):
    """One kept image: its ``id``, who said what of it, and how many bytes it has."""

    id: str
    version: str
    challenger: str
    label: str
    challenger_label: str
    bytes: int


class Examples:
    """Keeps at most about ``limit`` bytes of images in ``folder``, which all processes share; nothing where it is None.

    Each has a file of its own, named by its content, beside one that says what it is an example of. They are the
    pictures of strangers: nobody but the user of the service may read them. Not to be called in the event loop.
    """

    def __init__(self, folder: Path | None, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._held: int | None = None  # bytes, as far as this process knows

    @property
    def on(self) -> bool:
        """Whether any are kept."""
        return self._folder is not None

    def keep(self, model: str, versions: tuple[str, str], label: str, challenger_label: str, data: bytes) -> None:
        """Keep an image, unless there is no room any more."""
        if self._folder is None:
            return
        folder, name = self._folder / model, hashlib.sha256(data).hexdigest()[:32]
        try:
            if self._held is None:
                self._held = sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())
            if self._held + len(data) > self._limit or (folder / name).exists():
                return
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(folder / name, data)
            told = Example(name, *versions, label, challenger_label, len(data))._asdict()
            _write(folder / f"{name}{_TOLD}", json.dumps(told).encode())
            self._held += len(data)
        except OSError as error:
            log.warning("example not kept", extra={"model": model, "reason": error.strerror or str(error)})

    def list(self, model: str) -> Iterator[Example]:
        """What is kept of a model; what cannot be read is passed over."""
        if self._folder is not None:
            for file in sorted((self._folder / model).glob(f"[0-9a-f]*{_TOLD}")):
                try:
                    yield Example(**json.loads(file.read_bytes()))
                except (OSError, ValueError, TypeError):
                    continue

    def read(self, model: str, example: str) -> bytes | None:
        """The bytes of the one of an id, which is 32 hexadecimal digits; None where there is none."""
        if self._folder is None:
            return None
        try:
            return (self._folder / model / example).read_bytes()
        except OSError:
            return None


def _write(path: Path, data: bytes) -> None:
    """Have a file appear whole; mkstemp lets nobody else read it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    Path(temporary).replace(path)
