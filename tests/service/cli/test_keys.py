import json
from pathlib import Path

import pytest

from service.keys.file import KeyFile
from service.keys.key import is_secret_of, parse_key
from tests.service.cli.conftest import Whatsit, assert_failed
from tests.service.support.keys import FILE


def test_a_key_is_printed_once_and_alone(whatsit: Whatsit) -> None:
    made = whatsit("keys", "create", "--name", "web shop", "--rate", "100/minute")
    assert made.code == 0
    assert made.out.count("\n") == 1
    assert "answer nobody without a key" in made.err
    parsed = parse_key(made.out.strip().encode())
    assert parsed is not None
    [key] = KeyFile(FILE).read().values()
    assert is_secret_of(key, parsed[1])
    assert (key.id, key.name, key.scopes, key.rate) == (parsed[0], "web shop", ("predict",), "100/minute")
    listed = whatsit("keys", "list")
    assert key.id in listed.out
    assert parsed[1].decode() not in listed.out
    assert whatsit("keys", "create", "--name", "another").err == ""


def test_scopes_may_be_several(whatsit: Whatsit) -> None:
    whatsit("keys", "create", "--name", "deploy", "--scope", "admin", "--scope", "jobs")
    assert [key.scopes for key in KeyFile(FILE).read().values()] == [("admin", "jobs")]


def test_facts_as_json(whatsit: Whatsit) -> None:
    made = json.loads(whatsit("keys", "create", "--name", "one", "--json").out)
    [listed] = json.loads(whatsit("keys", "list", "--json").out)
    assert made == listed | {"key": made["key"]}
    assert set(listed) == {"id", "name", "scopes", "rate", "created_at"}


def test_a_key_is_revoked_and_the_file_stays(whatsit: Whatsit) -> None:
    ids = [json.loads(whatsit("keys", "create", "--name", name, "--json").out)["id"] for name in "ab"]
    assert whatsit("keys", "revoke", ids[0]).out == f"{ids[0]} (a): revoked\n"
    assert list(KeyFile(FILE).read()) == ids[1:]
    assert "answer nobody" in whatsit("keys", "revoke", ids[1]).err
    assert FILE.exists()
    assert_failed(whatsit("keys", "revoke", ids[1]), 1, "there is no key with the id")


def test_without_a_file_there_is_none(whatsit: Whatsit) -> None:
    assert json.loads(whatsit("keys", "list", "--json").out) == []
    assert "there is no keys.json" in whatsit("keys", "list").err
    assert_failed(whatsit("keys", "revoke", "0" * 12), 1, "holds: none")
    assert not FILE.exists()


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--name", ""],
        ["--name", "x" * 101],
        ["--name", "\x1b[31mred"],
        ["--name", "a", "--scope", "everything"],
        ["--name", "a", "--rate", "often"],
        ["--name", "a", "--rate", "0/minute"],
    ],
)
def test_wrong_usage(whatsit: Whatsit, options: list[str]) -> None:
    assert whatsit("keys", "create", *options).code == 2
    assert not FILE.exists()


def test_the_file_is_that_of_the_setting(whatsit: Whatsit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WHATSIT_KEYS", str(tmp_path / "mine.json"))
    monkeypatch.setenv("WHATSIT_HOST", "0.0.0.0")  # noqa: S104 - of a service that does not start without keys
    assert whatsit("keys", "create", "--name", "one").code == 0
    assert len(KeyFile(tmp_path / "mine.json").read()) == 1
    assert not FILE.exists()


@pytest.mark.parametrize("words", [["create", "--name", "a"], ["list"], ["revoke", "0" * 12]])
def test_a_file_that_cannot_be_read(whatsit: Whatsit, words: list[str]) -> None:
    FILE.write_text("nonsense")
    assert_failed(whatsit("keys", *words), 1, "keys.json is no file of keys")
    assert FILE.read_text() == "nonsense"


def test_a_folder_that_is_not_there(whatsit: Whatsit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_KEYS", "nowhere/keys.json")
    assert_failed(whatsit("keys", "create", "--name", "a"), 1, "nowhere")
