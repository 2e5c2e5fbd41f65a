"""``whatsit models sign`` and ``verify --key``, and what the setting require_signature does to the other commands."""

from pathlib import Path

import pytest

from models.store import Store
from tests.service.cli.conftest import Result, Whatsit, assert_failed
from tests.support.bundles import publish_tiny
from tests.support.keys import Pair, key_pair


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return key_pair(tmp_path)


@pytest.fixture
def models(whatsit: Whatsit, store: Store) -> Whatsit:
    """Runs ``whatsit models`` on the store."""

    def run(*arguments: object) -> Result:
        return whatsit("models", *arguments, "--store", store.location)

    return run


def test_sign_and_verify(models: Whatsit, pair: Pair, store: Store, tmp_path: Path) -> None:
    result = models("verify", "--key", pair.public)
    assert result.code == 1
    assert result.out.startswith("tiny@1: refused: tiny@1 has no signature")
    assert models("sign", "tiny", "--key", pair.private, "--why", "reviewed").out == "tiny@1: signed\n"
    assert models("verify", "tiny", "--key", pair.public).out == "tiny@1: proved, and signed\n"
    assert models("verify", "tiny").out == "tiny@1: proved\n"
    assert "reviewed" in models("history", "tiny").out
    stranger = key_pair(tmp_path, "stranger")
    assert "signed by no key that is trusted" in models("verify", "tiny", "--key", stranger.public).out


def test_a_password_is_asked_for(models: Whatsit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = key_pair(tmp_path, password="of mine")  # noqa: S106
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "of mine")
    assert models("sign", "tiny", "--key", pair.private).code == 0
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "another")
    assert_failed(models("sign", "tiny", "--key", pair.private), 1, "or the password is another")


def test_wrong_usage(models: Whatsit, pair: Pair, tmp_path: Path) -> None:
    assert models("sign", "tiny").code == 2
    assert models("sign", "tiny", "--key", tmp_path / "nowhere").code == 2
    assert_failed(models("sign", "tiny", "--key", pair.public), 1, "holds no private key in PEM")
    assert_failed(models("verify", "--key", pair.private), 1, "holds no public key in PEM")


def test_with_the_setting_no_command_opens_an_unsigned_version(
    models: Whatsit, whatsit: Whatsit, pair: Pair, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSIT_REQUIRE_SIGNATURE", str(pair.public))
    publish_tiny(store.location)
    models("sign", "tiny@2", "--key", pair.private)
    image = store.bundle("tiny", 1) / "golden" / "0.png"
    for arguments in (
        ("models", "promote", "tiny@1", "production"),
        ("models", "canary", "tiny@1", "production"),
        ("models", "show", "tiny@1"),
        ("predict", image, "--model", "tiny@1"),
        ("tune", "tiny@1"),
    ):
        assert_failed(whatsit(*arguments, "--store", store.location), 1, "tiny@1 has no signature")
    assert models("promote", "tiny@2", "production").code == 0
    assert whatsit("predict", image, "--model", "tiny", "--store", store.location).code == 0
    listed = models("list").out.splitlines()
    assert [line.split("│")[4].strip() for line in listed if "tiny" in line] == ["-", "3"]  # nothing is said of it


def test_the_setting_must_name_a_key(whatsit: Whatsit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_REQUIRE_SIGNATURE", "nowhere.pem")
    for command in (("models", "list"), ("serve", "--port", "0")):
        assert_failed(whatsit(*command, "--store", store.location), 1, "the key nowhere.pem cannot be read")
