"""Settings: where they come from, what they refuse, and that the documentation lists them."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from models.locations import default_root
from service.settings import Settings

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "settings.md"


def write_file(text: str) -> None:
    Path("whatsit.toml").write_text(text, encoding="utf-8")


def test_the_first_source_that_names_a_setting_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().port == 8000
    write_file('port = 1\nmax_batch = 2\ndefault_model = "from-file"')
    monkeypatch.setenv("WHATSIT_PORT", "3")
    monkeypatch.setenv("WHATSIT_MAX_BATCH", "4")
    settings = Settings(port=5)
    assert (settings.port, settings.max_batch, settings.default_model) == (5, 4, "from-file")


def test_the_file_is_that_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file("port = 1")
    assert Settings().port == 1
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert Settings().port == 8000


@pytest.mark.parametrize("text", ["prot = 9000", "[server]\nport = 1", "max-batch = 1"])
def test_an_unknown_name_in_the_file_is_an_error(text: str) -> None:
    write_file(text)
    with pytest.raises(ValidationError, match="Extra inputs"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", ""),
        ("port", -1),
        ("port", 65536),
        ("port", "http"),
        ("max_batch", -1),
        ("max_images", 0),
        ("queue_capacity", 0),
        ("max_wait_ms", -1),
        ("request_timeout_s", 0),
        ("body_timeout_s", "soon"),
        ("device", "tpu"),
        ("log_level", "loud"),
        ("workers", 0),
        ("workers", "-1"),
        ("workers", 1.5),
        ("workers", 257),
        ("workers", "two"),
        ("worker_timeout_s", 0),
        ("threads", 1.5),
        ("max_image_pixels", 10**9),
    ],
)
def test_what_cannot_be_is_an_error_from_every_source(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})
    monkeypatch.setenv(f"WHATSIT_{name.upper()}", str(value))
    with pytest.raises(ValidationError, match=name):
        Settings()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", "127.0.0.1.evil.example"])  # noqa: S104
def test_others_can_reach_what_is_not_loopback(host: str) -> None:
    assert not Settings(host=host).is_local


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_has_three_names(host: str) -> None:
    assert Settings(host=host).is_local


@pytest.mark.parametrize(("text", "workers"), [("1", 1), ("16", 16), ("auto", "auto")])
def test_workers_are_a_number_or_auto(monkeypatch: pytest.MonkeyPatch, text: str, workers: object) -> None:
    monkeypatch.setenv("WHATSIT_WORKERS", text)
    assert Settings().workers == workers


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_limits_are_those_of_the_settings() -> None:
    limits = Settings(max_image_bytes=1, max_image_pixels=2, max_image_side=3, max_jpeg_scans=4).limits
    assert (limits.max_bytes, limits.max_pixels, limits.max_side, limits.max_jpeg_scans) == (1, 2, 3, 4)


def documented_default(name: str) -> str:
    field = Settings.model_fields[name]
    if field.default_factory is default_root:
        return "`models/store` of the installation"
    if name == "promotion":
        return "a point, a point, ten points"
    default = field.default
    return "not set" if default is None else f"`{default}`"


def test_the_documentation_lists_every_setting_with_its_default_and_what_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", DOCUMENTATION.read_text(encoding="utf-8"), re.MULTILINE)
    fields = Settings.model_fields
    assert rows == [(name, documented_default(name), field.description) for name, field in fields.items()]
