"""What a PEM file of keys must hold."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from models.ed25519 import read_private_key, read_public_keys
from models.errors import KeyUnusable
from tests.support.keys import key_pair


def nobody() -> str:
    raise AssertionError("no password should be asked for")


def test_a_signature_counts_by_any_of_the_public_keys(tmp_path: Path) -> None:
    one, two, other = (key_pair(tmp_path, name) for name in ("one", "two", "other"))
    (tmp_path / "both.pem").write_bytes(b"# ours\n" + one.public.read_bytes() + two.public.read_bytes())
    keys = read_public_keys(tmp_path / "both.pem")
    for pair, counts in ((one, True), (two, True), (other, False)):
        signature = read_private_key(pair.private, nobody).sign(b"data")
        assert len(signature) == 64
        assert keys.signed(b"data", signature) is counts
        assert not keys.signed(b"datA", signature)
        assert not keys.signed(b"data", signature[:-1])
        assert not keys.signed(b"data", b"")


def test_a_private_key_may_have_a_password(tmp_path: Path) -> None:
    pair = key_pair(tmp_path, password="of mine")  # noqa: S106
    signature = read_private_key(pair.private, lambda: "of mine").sign(b"data")
    assert read_public_keys(pair.public).signed(b"data", signature)
    for wrong in ("", "another"):
        with pytest.raises(KeyUnusable, match="or the password is another"):
            read_private_key(pair.private, lambda wrong=wrong: wrong)


def test_what_is_no_key(tmp_path: Path) -> None:
    pair, file = key_pair(tmp_path), tmp_path / "file"
    with pytest.raises(KeyUnusable, match="holds no public key in PEM: openssl pkey"):
        read_public_keys(pair.private)  # nobody who verifies needs it
    with pytest.raises(KeyUnusable, match="holds no private key in PEM"):
        read_private_key(pair.public, nobody)
    file.write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    with pytest.raises(KeyUnusable, match="holds what is no public key"):
        read_public_keys(file)
    for read in (read_public_keys, lambda path: read_private_key(path, nobody)):
        with pytest.raises(KeyUnusable, match="cannot be read: No such file"):
            read(tmp_path / "nowhere")


def test_only_ed25519_signs(tmp_path: Path) -> None:
    key, pem = generate_private_key(SECP256R1()), serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "private.pem").write_bytes(private)
    (tmp_path / "public.pem").write_bytes(public)
    with pytest.raises(KeyUnusable, match="is no Ed25519 key: openssl genpkey"):
        read_private_key(tmp_path / "private.pem", nobody)
    with pytest.raises(KeyUnusable, match="a key that is not Ed25519"):
        read_public_keys(tmp_path / "public.pem")
