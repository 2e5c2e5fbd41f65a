"""Refs: how people write which version they mean."""

import re
from dataclasses import dataclass

from models.errors import InvalidRef

NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,63}"
VERSION_PATTERN = r"[1-9][0-9]{0,8}"  # nine digits: every version fits a 32-bit integer
PRODUCTION = "production"
SHADOW = "shadow"  # the alias of a version that is asked about live images beside the one that answers them

_NAME = re.compile(NAME_PATTERN)
_VERSION = re.compile(VERSION_PATTERN)


@dataclass(frozen=True, slots=True)
class Ref:
    """``name``, ``name@version`` or ``name@alias``; at most one of ``version`` and ``alias`` is set."""

    name: str
    version: int | None = None
    alias: str | None = None

    def __str__(self) -> str:
        suffix = self.alias if self.version is None else self.version
        return self.name if suffix is None else f"{self.name}@{suffix}"


def check_name(text: str, what: str = "a model name") -> str:
    """Return ``text`` when it may name a model; raise InvalidRef otherwise."""
    if not is_name(text):
        raise InvalidRef(
            f"{text!r} is not {what}: use 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
        )
    return text


def is_name(text: str) -> bool:
    """Whether ``text`` may name a model."""
    return _NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether ``text`` writes a version."""
    return _VERSION.fullmatch(text) is not None


def check_alias(text: str) -> str:
    """Return ``text`` when it may name an alias; one of digits alone would read as a version."""
    if text.isdigit():
        raise InvalidRef(f"{text!r} is not an alias: digits alone name a version")
    return check_name(text, what="an alias")


def parse_version(text: str) -> int:
    """Return the version that ``text`` writes; raise InvalidRef when it is not a positive integer."""
    if not is_version(text):
        raise InvalidRef(f"{text!r} is not a version: versions are positive integers without leading zeros")
    return int(text)


def parse_ref(text: str) -> Ref:
    """Read ``name``, ``name@version`` or ``name@alias``; raise InvalidRef for anything else."""
    name, at, suffix = text.partition("@")
    check_name(name)
    if not at:
        return Ref(name)
    if suffix.isdigit():
        return Ref(name, version=parse_version(suffix))
    return Ref(name, alias=check_alias(suffix))
