"""Where the keys to trust are named."""

from pathlib import Path

import pytest

from models import trust
from models.errors import KeyUnusable
from models.trust import keys_asked_for, read_signer, read_trusted
from tests.support.keys import key_pair


def test_without_keys_nobody_need_have_signed() -> None:
    assert read_trusted(None) is None


def test_the_environment_counts_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "whatsit.toml"
    monkeypatch.delenv("WHATSIT_REQUIRE_SIGNATURE", raising=False)
    assert keys_asked_for(file) is None
    file.write_text("port = 1\n")
    assert keys_asked_for(file) is None
    file.write_text('require_signature = "keys.pem"\n')
    assert keys_asked_for(file) == Path("keys.pem")
    monkeypatch.setenv("WHATSIT_REQUIRE_SIGNATURE", "/other.pem")
    assert keys_asked_for(file) == Path("/other.pem")


def test_a_file_that_cannot_be_read_is_no_leave_to_trust_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WHATSIT_REQUIRE_SIGNATURE", raising=False)
    (tmp_path / "whatsit.toml").write_text("= =")
    with pytest.raises(KeyUnusable, match="is not TOML"):
        keys_asked_for(tmp_path / "whatsit.toml")


def test_who_asks_for_signatures_must_be_able_to_read_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = key_pair(tmp_path)
    monkeypatch.setattr(trust, "find_spec", lambda _: None)
    for read in (lambda: read_trusted(pair.public), lambda: read_signer(pair.private, str)):
        with pytest.raises(KeyUnusable, match="signatures need cryptography: pip install"):
            read()
