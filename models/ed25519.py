"""Ed25519 keys in PEM files, as `openssl genpkey -algorithm ed25519` writes them (RFC 8032, RFC 8410).

Needs the package cryptography (extra ``signing``), and is imported only where something is signed or signatures count.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from models.errors import KeyUnusable

_PUBLIC = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


class PublicKeys:
    """Keys, by any of which something may be signed."""

    def __init__(self, keys: Sequence[Ed25519PublicKey]) -> None:
        self._keys = keys

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether ``signature``, 64 bytes, is that of ``data`` by one of the keys."""
        return any(_is_signed(key, data, signature) for key in self._keys)


def read_public_keys(path: Path) -> PublicKeys:
    """All public keys in a PEM file, one after the other; raises KeyUnusable."""
    found = _PUBLIC.findall(_read(path))
    if not found:
        raise KeyUnusable(f"{path} holds no public key in PEM: openssl pkey -in private.pem -pubout -out public.pem")
    return PublicKeys([_public_key(path, pem) for pem in found])


def read_private_key(path: Path, ask: Callable[[], str]) -> Ed25519PrivateKey:
    """The private key in a PEM file; ``ask`` is called for its password, where it has one. Raises KeyUnusable."""
    pem = _read(path)
    try:
        try:
            key = load_pem_private_key(pem, None)
        except TypeError:  # it has a password
            key = load_pem_private_key(pem, ask().encode())
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:  # TypeError: the password is empty
        raise KeyUnusable(f"{path} holds no private key in PEM, or the password is another") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{path} is no Ed25519 key: openssl genpkey -algorithm ed25519 -out private.pem")
    return key


def _public_key(path: Path, pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{path} holds what is no public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable(f"{path} holds a key that is not Ed25519")
    return key


def _is_signed(key: Ed25519PublicKey, data: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"the key {path} cannot be read: {error.strerror}") from error
