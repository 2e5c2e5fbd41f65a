"""Pairs of Ed25519 keys in PEM files."""

from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Pair(NamedTuple):
    """The files of a private key and of its public key."""

    private: Path
    public: Path


def key_pair(folder: Path, name: str = "key", password: str = "") -> Pair:
    """Make a new pair, the private key protected by ``password``, if any."""
    key = Ed25519PrivateKey.generate()
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.pub.pem")
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    pair.private.write_bytes(key.private_bytes(pem, pkcs8, how))
    pair.public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return pair
