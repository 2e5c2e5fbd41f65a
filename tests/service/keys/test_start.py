import pytest

from service.keys.file import KeyFile, KeysMissing, KeysUnreadable
from service.keys.start import check_keys
from service.settings import Settings
from tests.service.support.keys import FILE, id_of, make_key

EVERYWHERE = "0.0.0.0"  # noqa: S104


def test_without_a_file_it_is_said_that_no_key_is_needed() -> None:
    assert check_keys(Settings()).startswith("none, for there is no keys.json")


@pytest.mark.parametrize("host", [EVERYWHERE, "localhost"])
def test_with_one_any_address_may_be_listened_on(host: str) -> None:
    header = make_key(rate="1/day")
    assert check_keys(Settings(host=host)) == "required"
    KeyFile(FILE).revoke(id_of(header))
    assert check_keys(Settings(host=host)) == "required"


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "example.com", "127.0.0.1.evil.example"])
def test_without_one_only_loopback_is(host: str) -> None:
    with pytest.raises(KeysMissing, match="not a loopback address"):
        check_keys(Settings(host=host))


def test_one_that_cannot_be_read_is_no_reason_to_open() -> None:
    FILE.write_text("nonsense")
    with pytest.raises(KeysUnreadable):
        check_keys(Settings())
