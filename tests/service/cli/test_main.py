"""Help with an example for every command, and one line for every reason to fail."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from models.store import Store
from service.background import HOST
from service.cli.main import app
from tests.service.cli.conftest import Result, Whatsit, assert_failed

SERVE = [sys.executable, "-m", "service.cli.main", "serve"]


def commands(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of every command."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


@pytest.mark.parametrize("words", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_every_command_has_help_with_an_example(whatsit: Whatsit, words: tuple[str, ...]) -> None:
    result = whatsit(*words, "--help")
    assert result.code == 0
    assert f"Example: whatsit {' '.join(words)}" in result.out


def test_help_lists_all_commands(whatsit: Whatsit) -> None:
    result = whatsit("--help")
    assert result.code == 0
    assert {"serve", "predict", "models", "keys"} <= set(result.out.split())
    assert whatsit("models").code == 2


def test_the_version_is_told(whatsit: Whatsit) -> None:
    assert whatsit("--version") == Result(0, f"whatsit {version('whatsit')}\n", "")


@pytest.mark.parametrize("words", [["nonsense"], ["serve", "--nonsense"], ["serve", "extra"], ["predict"]])
def test_wrong_usage(whatsit: Whatsit, words: list[str]) -> None:
    result = whatsit(*words)
    assert (result.code, result.out) == (2, "")
    assert "Error" in result.err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("port =", "whatsit.toml is not TOML"),
        ("prot = 1", "setting prot: not known, did you mean port?"),
        ("port = 'x'", "setting port"),
        ("port = -1\nfrobnicate = 1", "; frobnicate: not known\n"),
    ],
)
def test_a_file_of_settings_that_cannot_be_used(whatsit: Whatsit, text: str, reason: str) -> None:
    Path("whatsit.toml").write_text(text)
    for words in (["serve"], ["models", "list"]):
        assert_failed(whatsit(*words), 2, reason)


def test_a_file_of_settings_that_is_no_text(whatsit: Whatsit) -> None:
    Path("whatsit.toml").write_bytes(b"port = \xff")
    assert_failed(whatsit("models", "list"), 2, "whatsit.toml is not TOML")


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--port", "65536", "setting port"),
        ("--device", "tpu", "setting device"),
        ("--workers", "0", "setting workers: a number from 1 to 256, or auto"),
        ("--workers", "many", "setting workers: a number from 1 to 256, or auto"),
    ],
)
def test_settings_that_cannot_be(whatsit: Whatsit, option: str, value: str, reason: str) -> None:
    assert_failed(whatsit("serve", option, value), 2, reason)


def test_a_setting_of_the_environment_that_cannot_be(whatsit: Whatsit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_MAX_BATCH", "many")
    assert_failed(whatsit("serve"), 2, "setting max_batch")


@pytest.mark.parametrize("words", [["serve"], ["models", "list"], ["predict", "whatsit.toml"]])
def test_a_store_that_is_not_there_is_wrong_usage(whatsit: Whatsit, words: list[str]) -> None:
    Path("whatsit.toml").touch()
    result = whatsit(*words, "--store", "nowhere")
    assert result.code == 2
    assert "nowhere" in result.err


@pytest.mark.parametrize("model", ["nothing", "tiny@9", "tiny@nothing", "NO", "[/markup]", ""])
def test_a_default_model_that_is_not_there_is_said_before_anything_starts(
    whatsit: Whatsit, store: Store, model: str
) -> None:
    result = whatsit("serve", "--store", store.location, "--model", model)
    assert_failed(result, 1, model.rpartition("@")[2])


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_is_taken(workers: str) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        command = [*SERVE, "--port", str(port), "--workers", workers]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    told = (
        f"error: cannot listen on {HOST}, port {port}: address already in use; take another --port, or 0 for a free one"
    )
    assert (result.returncode, result.stdout, result.stderr) == (1, "", f"{told}\n")
