"""Whose versions are trusted: a detached signature of the manifest, which holds the sha256 of every other file."""

import os
import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from models.errors import KeyUnusable, SignatureInvalid, SignatureMissing
from models.layout import MANIFEST, SETTINGS_FILE, SIGNATURE

_VARIABLE = "WHATSIT_REQUIRE_SIGNATURE"
_BYTES = 64  # of an Ed25519 signature


class Trusted(Protocol):
    """Keys, by one of which a version must be signed."""

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is that of ``data`` by one of them."""


class Signer(Protocol):
    """A key that signs."""

    def sign(self, data: bytes) -> bytes:
        """The signature of ``data``."""


def read_trusted(path: Path | None) -> Trusted | None:
    """The public keys in a PEM file; None where no signature is asked for. Raises KeyUnusable."""
    if path is None:
        return None
    _require_cryptography()
    from models.ed25519 import read_public_keys  # noqa: PLC0415 - who asks for no signatures need not install it

    return read_public_keys(path)


def keys_asked_for(file: Path = SETTINGS_FILE) -> Path | None:
    """The file of public keys that the environment, else whatsit.toml, names: for commands without other settings.

    Raises KeyUnusable where that cannot be read.
    """
    try:
        written = os.environ.get(_VARIABLE) or tomllib.loads(file.read_text(encoding="utf-8")).get("require_signature")
    except FileNotFoundError:
        return None
    except ValueError as error:  # of which TOMLDecodeError and UnicodeDecodeError are kinds
        raise KeyUnusable(f"{file}, which may name the keys to trust, is not TOML: {error}") from error
    return Path(str(written)) if written else None


def read_signer(path: Path, ask: Callable[[], str]) -> Signer:
    """The private key in a PEM file; ``ask`` is called for its password, where it has one. Raises KeyUnusable."""
    _require_cryptography()
    from models.ed25519 import read_private_key  # noqa: PLC0415 - as above

    return read_private_key(path, ask)


def read_signature(bundle: Path) -> bytes | None:
    """What is kept as the signature in a bundle's folder, as far as one can be long; None where there is none."""
    path = bundle / SIGNATURE
    if not path.is_file():  # reading a pipe would never end
        return None
    with path.open("rb") as file:
        return file.read(_BYTES + 1)


def check_signature(manifest: bytes, signature: bytes | None, trusted: Trusted, name: str) -> None:
    """Raise SignatureMissing or SignatureInvalid unless ``manifest``, that of the version ``name``, is signed."""
    if signature is None:
        raise SignatureMissing(f"{name} has no signature, and only signed versions are opened: whatsit models sign")
    if not trusted.signed(manifest, signature):
        raise SignatureInvalid(f"{name} was signed by no key that is trusted, or {MANIFEST} was changed since")


def _require_cryptography() -> None:
    if find_spec("cryptography") is None:
        raise KeyUnusable("signatures need cryptography: pip install --editable '.[signing]'")
