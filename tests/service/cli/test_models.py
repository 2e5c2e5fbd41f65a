"""``whatsit models``: list, show, verify, promote, rollback, remove."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.manifest import ACCEPTS_NOTHING, Conformal, Decision, Start
from models.store import Store
from tests.service.cli.conftest import Result, Whatsit, assert_failed
from tests.support.bundles import provenance, publish_tiny
from tests.support.forge import forge
from tests.support.graphs import colour_graph


@pytest.fixture
def models(whatsit: Whatsit, store: Store) -> Whatsit:
    """Runs ``whatsit models`` on a store where ``tiny`` has two versions."""
    publish_tiny(store.location)

    def run(*arguments: object) -> Result:
        return whatsit("models", *arguments, "--store", store.location)

    return run


def rows(result: Result) -> list[list[str]]:
    lines = [line for line in result.out.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def test_list(models: Whatsit) -> None:
    models("promote", "tiny@1", "production")
    models("promote", "tiny@1", "old")
    result = models("list")
    assert result.code == 0
    assert [row[:5] for row in rows(result)] == [
        ["tiny", "1", "old, production", "3", "1.0000"],
        ["tiny", "2", "", "3", "1.0000"],
    ]
    listed = json.loads(models("list", "--json").out)
    assert list(listed[0]) == ["model", "version", "aliases", "classes", "accuracy", "published"]
    assert [entry["version"] for entry in listed] == [1, 2]


def test_a_manifest_that_cannot_be_read_hides_no_other_version(models: Whatsit, store: Store) -> None:
    (store.bundle("tiny", 1) / "manifest.json").write_text("{")
    assert [row[:4] for row in rows(models("list"))] == [["tiny", "1", "", "-"], ["tiny", "2", "", "3"]]


def test_an_empty_store(whatsit: Whatsit, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for command, out in (("list", "[]"), ("verify", "[]")):
        result = whatsit("models", command, "--store", tmp_path / "empty", "--json")
        assert (result.code, result.out.strip()) == (0, out)


def test_show(models: Whatsit, store: Store) -> None:
    facts = dict(rows(models("show", "tiny")))
    assert (facts["model"], facts["version"], facts["labels"]) == ("tiny", "2", "red, green, blue")
    assert facts["report"].startswith("/")
    publish_tiny(store.location, "bare", documents={})
    assert dict(rows(models("show", "bare")))["report"] == "-"
    result = models("show", "tiny@1", "--json")
    assert json.loads(result.out) == store.manifest("tiny", 1).model_dump(mode="json")


def test_of_many_labels_the_first_are_shown(models: Whatsit, store: Store) -> None:
    publish_tiny(store.location, "many", labels=tuple(f"class {number}" for number in range(60)))
    labels = dict(rows(models("show", "many")))["labels"]
    assert labels.startswith("class 0, class 1, ")
    assert "class 50" not in labels


def test_show_says_what_is_accepted_and_how_large_the_sets_are(models: Whatsit, store: Store) -> None:
    facts = dict(rows(models("show", "tiny")))
    assert (facts["threshold"], facts["candidates"]) == ("0.600", "-")
    own = Decision(threshold=0.6, accuracy=1, coverage=1, thresholds=(0.6, 0.123, ACCEPTS_NOTHING))
    sets = Conformal(coverage=0.95, threshold=0.2, test_coverage=0.9512, mean_size=1.236)
    publish_tiny(store.location, decision=own, conformal=sets)
    facts = dict(rows(models("show", "tiny@3")))
    assert facts["threshold"] == "red 0.600, green 0.123, blue none"
    assert facts["candidates"] == "1.24 labels on average, 95.12% hold the right one"
    nothing = Decision(threshold=ACCEPTS_NOTHING, accuracy=0, coverage=0)
    publish_tiny(store.location, decision=nothing)
    assert dict(rows(models("show", "tiny@4")))["threshold"] == "none: every answer is review"


def test_show_names_every_commit_that_had_a_part_in_it(models: Whatsit, store: Store) -> None:
    assert dict(rows(models("show", "tiny")))["commit"] == "-"
    one = Start(
        at=datetime(2026, 11, 1, tzinfo=UTC),
        git_commit="c0ffee",
        packages={},
        hardware="none",
        precision="32-true",
        processes=1,
        threads=1,
    )
    starts = (one, one.model_copy(update={"git_commit": "decade"}), one.model_copy(update={"git_commit": None}))
    publish_tiny(store.location, provenance=provenance().model_copy(update={"starts": starts, "git_commit": "c0ffee"}))
    assert dict(rows(models("show", "tiny@3")))["commit"] == "c0ffee, decade"


def test_show_says_what_each_graph_was_measured_to_be(models: Whatsit, store: Store) -> None:
    publish_tiny(store.location, variants={"int8": colour_graph(sharpness=1.5)})
    facts = dict(rows(models("show", "tiny@3")))
    assert facts["graphs"] == "fp32, int8 (0.0 MB, 90.00%, 3.0 times as fast as fp32 on none)"


def test_verify_and_promote_prove_every_graph(models: Whatsit, store: Store) -> None:
    publish_tiny(store.location, variants={"int8": colour_graph(sharpness=1.5)})
    forge(store.bundle("tiny", 3), "model.int8.onnx", colour_graph(("blue", "red", "green")).SerializeToString())
    assert "differs by" in models("verify", "tiny@3").out
    assert_failed(models("promote", "tiny@3", "production"), 1, "differs by")


@pytest.mark.parametrize("command", ["show", "verify", "promote"])
def test_what_is_not_there(models: Whatsit, command: str) -> None:
    for ref in ("nothing", "tiny@3", "tiny@nothing", "NO", "tiny@01"):
        arguments = [command, ref, "production"] if command == "promote" else [command, ref]
        assert_failed(models(*arguments), 1, ref.partition("@")[2] or ref)


def test_verify(models: Whatsit, store: Store) -> None:
    result = models("verify")
    assert (result.code, result.out) == (0, "tiny@1: proved\ntiny@2: proved\n")
    (store.bundle("tiny", 1) / "golden" / "0.png").write_bytes(b"changed")
    result = models("verify")
    assert result.code == 1
    assert result.out.startswith("tiny@1: refused: golden/0.png is not what was published")
    assert result.out.endswith("tiny@2: proved\n")
    result = models("verify", "--json")
    assert result.code == 1
    assert [(one["version"], one["refused"] is None) for one in json.loads(result.out)] == [(1, False), (2, True)]
    assert models("verify", "tiny@2").code == 0


def test_remove(models: Whatsit, store: Store) -> None:
    models("promote", "tiny@1", "production")
    assert_failed(models("remove", "tiny@1"), 1, "what production names")
    assert models("remove", "tiny@2").out == "tiny@2: removed\n"
    assert store.versions("tiny") == [1]
    assert_failed(models("remove", "tiny@2"), 1, "no version 2")
    for ref in ("tiny", "tiny@production"):
        assert models("remove", ref).code == 2
