"""How people write which version they mean, and what no name may be."""

import pytest

from models.errors import InvalidRef
from models.refs import Ref, check_alias, check_name, is_name, is_version, parse_ref, parse_version

NO_NAMES = {
    "nothing": "",
    "a dot first": ".hidden",
    "a dash first": "-rf",
    "an underscore first": "_x",
    "the folder above": "..",
    "a way up": "../x",
    "a way up inside": "a/../b",
    "a folder": "a/b",
    "an absolute path": "/etc",
    "another system's path": "a\\b",
    "a drive": "c:",
    "capitals": "Cifar10",
    "a space": "a b",
    "a space after": "a ",
    "a line after": "a\n",
    "a zero byte": "a\0",
    "an escape": "a\x1b[31m",
    "percent": "a%2e",
    "an accent": "café",
    "letters of another script": "\u0441\u0430t",
    "full-width letters": "\uff41",
    "digits of another script": "\u0661",
    "a superscript": "x²",
    "65 characters": "a" * 65,
}


@pytest.mark.parametrize("name", ["a", "0", "cifar10", "fashion-mnist", "a.b_c-d", "a..b", "1.0", "a" * 64])
def test_names(name: str) -> None:
    assert check_name(name) == name
    assert is_name(name)
    assert parse_ref(name) == Ref(name)
    assert str(parse_ref(name)) == name


@pytest.mark.parametrize("what", NO_NAMES)
def test_no_names(what: str) -> None:
    name = NO_NAMES[what]
    assert not is_name(name)
    for check in (check_name, check_alias, parse_ref, lambda text: parse_ref(f"cifar10@{text}")):
        with pytest.raises(InvalidRef):
            check(name)


@pytest.mark.parametrize(("text", "version"), [("1", 1), ("10", 10), ("999999999", 999_999_999)])
def test_versions(text: str, version: int) -> None:
    assert parse_version(text) == version
    assert is_version(text)
    assert parse_ref(f"cifar10@{text}") == Ref("cifar10", version=version)
    assert str(parse_ref(f"cifar10@{text}")) == f"cifar10@{text}"


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "00",
        "01",
        "007",
        "-1",
        "+1",
        "1.0",
        "1e3",
        " 1",
        "1 ",
        "1\n",
        "1_0",
        "0x1",
        "",
        "1000000000",
        "\u0967",
        "²",
    ],
)
def test_no_versions(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(InvalidRef):
        parse_version(text)


@pytest.mark.parametrize("text", ["0", "01", "1000000000", "\u0967", "²", "99999999999999999999"])
def test_digits_after_the_at_are_a_version_or_nothing(text: str) -> None:
    with pytest.raises(InvalidRef):
        parse_ref(f"cifar10@{text}")
    with pytest.raises(InvalidRef):
        check_alias(text)


@pytest.mark.parametrize("alias", ["production", "canary", "v2", "2.0", "1-old"])
def test_aliases(alias: str) -> None:
    assert check_alias(alias) == alias
    assert parse_ref(f"cifar10@{alias}") == Ref("cifar10", alias=alias)
    assert str(parse_ref(f"cifar10@{alias}")) == f"cifar10@{alias}"


@pytest.mark.parametrize("text", ["@", "@3", "@production", "cifar10@", "a@b@c", "cifar10@@3", "cifar10@3@production"])
def test_half_a_ref_is_none(text: str) -> None:
    with pytest.raises(InvalidRef):
        parse_ref(text)


def test_the_message_shows_odd_characters_and_the_way_out() -> None:
    with pytest.raises(InvalidRef, match=r"'a\\n\\x1b' is not a model name: use 1 to 64 of a-z"):
        check_name("a\n\x1b")
    with pytest.raises(InvalidRef, match="'Prod' is not an alias: use"):
        parse_ref("cifar10@Prod")
