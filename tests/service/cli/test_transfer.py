"""``whatsit models push`` and ``pull``, and all the other commands on a bucket."""

import json
from pathlib import Path

import pytest

from models.store import Store
from tests.service.cli.conftest import Whatsit, assert_failed
from tests.support.bundles import publish_tiny


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A store of one version, which is not that of ``store``."""
    publish_tiny(tmp_path / "other", description="another")
    return tmp_path / "other"


def test_into_another_folder_and_back(whatsit: Whatsit, store: Store, tmp_path: Path) -> None:
    target = tmp_path / "target"
    assert whatsit("models", "push", "tiny", target, "--store", store.location).out == f"tiny@1 is now in {target}\n"
    again = whatsit("models", "push", "tiny@1", target, "--store", store.location, "--json")
    facts = {"model": "tiny", "version": 1, "destination": str(target), "copied": False}
    assert json.loads(again.out) == facts
    pulled = whatsit("models", "pull", target, "tiny", "--store", store.location)
    assert pulled.out == f"tiny@1 was already in {store.location}\n"


def test_into_a_file_and_out_of_it(whatsit: Whatsit, store: Store, tmp_path: Path) -> None:
    file, target = tmp_path / "tiny-1.whatsit", tmp_path / "target"
    target.mkdir()
    assert whatsit("models", "push", "tiny", file, "--store", store.location).out == f"tiny@1 is now in {file}\n"
    assert whatsit("models", "pull", file, "--store", target).out == f"tiny@1 is now in {target}\n"
    assert whatsit("models", "verify", "--store", target).out == "tiny@1: proved\n"
    assert f"pulled from {file}" in whatsit("models", "history", "tiny", "--store", target).out


def test_what_cannot_be_moved(whatsit: Whatsit, store: Store, other: Path, tmp_path: Path) -> None:
    push, pull = ("models", "push"), ("models", "pull")
    at = ("--store", store.location)
    assert_failed(whatsit(*push, "tiny", other, *at), 1, "has or had another tiny@1, and no number is given twice")
    assert_failed(whatsit(*push, "tiny@2", tmp_path / "x", *at), 1, "no version 2")
    assert_failed(whatsit(*pull, tmp_path / "nowhere.whatsit", *at), 1, "No such file")
    assert_failed(whatsit(*pull, tmp_path / "nowhere", "tiny", *at), 1, "is no store that can be read")
    (tmp_path / "notes.whatsit").write_text("not an archive")
    assert_failed(whatsit(*pull, tmp_path / "notes.whatsit", *at), 1, "is no archive of a version")
    assert whatsit(*pull, other, *at).code == 2
    assert_failed(whatsit(*push, "tiny", "ftp://x/y", *at), 2, "is no place for a store")


@pytest.mark.parametrize("place", ["ftp://host/store", "s3://", "nowhere"])
def test_a_store_that_cannot_be_is_wrong_usage(whatsit: Whatsit, place: str) -> None:
    assert whatsit("models", "list", "--store", place).code == 2


def test_every_command_works_on_a_bucket(whatsit: Whatsit, store: Store, s3_url: str) -> None:
    publish_tiny(store.location)

    def models(*arguments: object) -> str:
        result = whatsit("models", *arguments, "--store", s3_url)
        assert result.code == 0, result
        return result.out

    assert_failed(whatsit("models", "list", "--store", s3_url), 1, "nothing was published there")
    for ref in ("tiny@1", "tiny@2"):
        whatsit("models", "push", ref, s3_url, "--store", store.location)
    assert [row["version"] for row in json.loads(models("list", "--json"))] == [1, 2]
    assert f"{s3_url}/tiny/2/report.html" in models("show", "tiny@2")
    assert models("verify") == "tiny@1: proved\ntiny@2: proved\n"
    assert models("promote", "tiny@1", "production") == "tiny@production: version 1 (was no version)\n"
    assert models("promote", "tiny@2", "production") == "tiny@production: version 2 (was 1)\n"
    assert models("rollback", "tiny") == "tiny@production: version 1 (was 2)\n"
    assert models("canary", "tiny@2", "production").startswith("tiny@production: version 1, with 0.05")
    assert models("rollback", "tiny") == "tiny@production: version 1 (was 2)\n"
    assert models("remove", "tiny@2") == "tiny@2: removed\n"
    actions = [entry["action"] for entry in json.loads(models("history", "tiny", "--json"))]
    assert actions == ["publish", "publish", "move", "move", "rollback", "canary", "end", "remove"]
