"""The file of keys: read whole, changed by one at a time, replaced in one step.

KeysError (WhatsitError)
├── KeysUnreadable   the file is there, but nothing can be made of it
├── KeysMissing      strangers could reach a service without keys
└── KeyNotFound      the file holds no such key
"""

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import ValidationError, model_validator

from models.audit import sync
from models.errors import WhatsitError
from models.manifest import Strict
from models.problems import describe_problems
from service.keys.key import Key, KeyScope, new_key

_MODE = stat.S_IRUSR | stat.S_IWUSR


class KeysError(WhatsitError):
    """The file of keys is not what was hoped."""


class KeysUnreadable(KeysError):
    """The file is there, but nothing can be made of it."""


class KeysMissing(KeysError):
    """Strangers could reach a service without keys."""


class KeyNotFound(KeysError):
    """The file holds no such key."""


class Stamp(NamedTuple):
    """By which a file is known to be another, or changed."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class _Content(Strict):
    keys: tuple[Key, ...]

    @model_validator(mode="after")
    def _each_id_once(self) -> Self:
        if len({key.id for key in self.keys}) < len(self.keys):
            raise ValueError("two keys have the same id")
        return self


class KeyFile:
    """The keys at ``path``; where there is no file, no key is needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether there is anything at the path, be it a link that leads nowhere; also where that cannot be told."""
        try:
            self.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def stamp(self) -> Stamp:
        """What changes with the file; raises OSError."""
        found = self.path.stat()
        return Stamp(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def read(self) -> dict[str, Key]:
        """All keys by their ids; raises KeysUnreadable, also when there is no file."""
        try:
            content = _Content.model_validate_json(self.path.read_bytes())
        except OSError as error:
            raise KeysUnreadable(f"{self.path} cannot be read: {error.strerror}") from error
        except ValidationError as error:
            told = describe_problems(error, Key.model_fields, "the file")
            raise KeysUnreadable(f"{self.path} is no file of keys: {told}") from error
        return {key.id: key for key in content.keys}

    def create(self, name: str, scopes: tuple[KeyScope, ...], rate: str | None = None) -> tuple[Key, str]:
        """Add a key, and make the file with the first; returns what is kept of the key, and its text.

        Raises KeysUnreadable, or OSError where the file cannot be written.
        """
        with self._changing() as keys:
            key, text = new_key(name, scopes, rate)
            while key.id in keys:
                key, text = new_key(name, scopes, rate)
            self._write([*keys.values(), key])
        return key, text

    def revoke(self, key_id: str) -> Key:
        """Take a key away; the file stays, even without any. Raises KeyNotFound, KeysUnreadable or OSError."""
        with self._changing() as keys:
            key = keys.pop(key_id, None)
            if key is None:
                known = ", ".join(keys) or "none"
                raise KeyNotFound(f"there is no key with the id {key_id!r}; {self.path} holds: {known}")
            self._write(keys.values())
        return key

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        """The keys, while nobody else changes them; the right of a process that is killed ends with it."""
        target = self.path.resolve()
        with target.with_name(f".{target.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.read() if self.exists() else {}

    def _write(self, keys: Iterable[Key]) -> None:
        target = self.path.resolve()  # a link is kept, and what it leads to replaced
        fresh = target.with_name(f".{target.name}.new")
        fresh.unlink(missing_ok=True)  # of one that was killed
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
            if target.exists():
                # Root may change what a service reads as somebody else, and must not lock it out: it would go on with
                # the keys that it has, revoked ones too.
                before = target.stat()
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            content = _Content(keys=tuple(keys))
            file.write(content.model_dump_json(indent=2, exclude_none=True).encode() + b"\n")
        sync(fresh)
        fresh.replace(target)
        sync(target.parent)
