import hmac
from hashlib import sha256

import pytest
from pydantic import ValidationError

from service.keys.key import Key, is_secret_of, new_key, parse_key


def made(rate: str | None = None) -> tuple[Key, str]:
    return new_key("a name", ("predict",), rate)


def test_a_key_is_known_by_its_text() -> None:
    key, text = made()
    parsed = parse_key(text.encode())
    assert parsed is not None
    key_id, secret = parsed
    assert key_id == key.id
    assert is_secret_of(key, secret)


def test_no_two_are_alike() -> None:
    keys = [made() for _ in range(100)]
    assert len({key.id for key, _ in keys}) == len({key.sha256 for key, _ in keys}) == 100


def test_what_is_kept_does_not_tell_the_secret() -> None:
    key, text = made("1/day")
    assert text.rpartition("_")[2] not in key.model_dump_json()


def test_a_scope_given_twice_counts_once() -> None:
    assert new_key("a", ("jobs", "predict", "jobs"), None)[0].scopes == ("jobs", "predict")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: f"{text}0",
        lambda text: f"{text}\n",
        lambda text: text.upper(),
        lambda text: text.replace("whatsit", "other"),
        lambda text: text.replace("_", "-"),
        lambda text: f"{text[:-1]}g",
        lambda text: f"{text[:-1]}\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_anything_else_is_no_key(change: object) -> None:
    assert callable(change)
    assert parse_key(change(made()[1]).encode()) is None


def test_the_secret_of_another_key_does_not_open() -> None:
    (key, _), (_, other) = made(), made()
    parsed = parse_key(other.encode())
    assert parsed is not None
    assert not is_secret_of(key, parsed[1])
    assert not is_secret_of(None, parsed[1])
    assert not is_secret_of(key, b"")


@pytest.mark.parametrize("known", [True, False])
def test_known_or_not_the_same_work_is_done(monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    """Time is not measured here: what takes it is counted."""
    compared: list[tuple[str, str]] = []

    def noticing(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", noticing)
    assert not is_secret_of(made()[0] if known else None, b"a secret")
    [(presented, expected)] = compared
    assert presented == sha256(b"a secret").hexdigest()
    assert len(presented) == len(expected)


@pytest.mark.parametrize("rate", ["1/second", "100/minute", "999999999/day", "5/hour"])
def test_rates(rate: str) -> None:
    assert made(rate)[0].rate == rate


@pytest.mark.parametrize(
    "rate", ["", "0/minute", "-1/minute", "1/week", "1 / minute", "1/minutes", "1.5/second", "1e3/day"]
)
def test_what_is_no_rate(rate: str) -> None:
    with pytest.raises(ValidationError):
        made(rate)
