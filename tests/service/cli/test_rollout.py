"""``whatsit models promote``, ``canary``, ``rollback`` and ``history``: aliases move through the gate, and back."""

import json

import pytest

from models.audit import entries
from models.layout import model_dir
from models.store import Store
from models.targets import Target
from tests.service.cli.conftest import Whatsit, assert_failed
from tests.support.bundles import metrics, publish_tiny


@pytest.fixture
def models(whatsit: Whatsit, store: Store) -> Whatsit:
    """``whatsit models`` on a store with two versions."""
    publish_tiny(store.location)

    def run(*arguments: object) -> object:
        return whatsit("models", *arguments, "--store", store.location)

    return run  # type: ignore[return-value]


def test_promote_and_rollback(models: Whatsit, store: Store) -> None:
    assert (
        models("promote", "tiny@1", "production", "--why", "first").out
        == "tiny@production: version 1 (was no version)\n"
    )
    assert models("promote", "tiny@2", "production", "--expect", 1).out == "tiny@production: version 2 (was 1)\n"
    assert_failed(models("promote", "tiny@1", "production", "--expect", 1), 1, "names version 2, not version 1")
    assert store.aliases("tiny") == {"production": 2}
    assert models("rollback", "tiny", "--why", "worse").out == "tiny@production: version 1 (was 2)\n"
    assert store.aliases("tiny") == {"production": 1}
    assert_failed(models("rollback", "tiny"), 1, "no earlier version")
    log = entries(model_dir(store.location, "tiny"))[2:]
    assert [(entry.action, entry.before, entry.after, entry.why) for entry in log] == [
        ("move", None, 1, "first"),
        ("move", 1, 2, ""),
        ("rollback", 2, 1, "worse"),
    ]


def test_only_a_version_that_is_proved_is_promoted(models: Whatsit, store: Store) -> None:
    (store.bundle("tiny", 2) / "model.onnx").write_bytes(b"changed")
    assert_failed(models("promote", "tiny@2", "production"), 1, "model.onnx")
    assert store.aliases("tiny") == {}


def test_other_labels_are_promoted_only_if_that_is_meant(models: Whatsit, store: Store) -> None:
    models("promote", "tiny@1", "production")
    publish_tiny(store.location, labels=("green", "red", "white"))
    changed = "new: white; gone: blue; in another place: green (number 1 becomes 0), red (number 0 becomes 1)"
    assert_failed(models("promote", "tiny@3", "production"), 1, changed)
    assert store.aliases("tiny") == {"production": 1}
    assert models("promote", "tiny@3", "production", "--new-labels").code == 0
    assert models("rollback", "tiny").out == "tiny@production: version 1 (was 3)\n"


def test_names_that_no_alias_can_have(models: Whatsit, store: Store) -> None:
    for alias in ("7", "A", "", "a b", "../x", "[/x]"):
        assert_failed(models("promote", "tiny@1", alias), 1, "alias")
    assert store.aliases("tiny") == {}


def test_a_worse_version_is_refused_with_a_table_unless_forced_with_a_reason(models: Whatsit, store: Store) -> None:
    publish_tiny(store.location, metrics=metrics(accuracy=0.9))
    models("promote", "tiny@1", "production")
    result = models("promote", "tiny@3", "production")
    assert_failed(result, 1, "does not pass the gate of tiny@production in place of version 1: accuracy 0.9000")
    [row] = [line for line in result.out.splitlines() if "accuracy" in line]
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["accuracy", "0.9000", "1.0000", "0.9900", "refused"]
    assert_failed(models("promote", "tiny@3", "production", "--force"), 1, "takes a reason")
    assert models("promote", "tiny@3", "production", "--force", "--why", "twice as fast").code == 0
    assert store.aliases("tiny") == {"production": 3}
    assert "move (forced)" in models("history", "tiny").out


def test_the_policy_is_that_of_the_settings_file(models: Whatsit, store: Store, tmp_path: object) -> None:
    publish_tiny(store.location, metrics=metrics(accuracy=0.9))
    models("promote", "tiny@1", "production")
    with open("whatsit.toml", "w", encoding="utf-8") as file:  # noqa: PTH123 - in the directory that it is run in
        file.write("[promotion]\nmax_accuracy_drop = 0.2\n")
    told = json.loads(models("promote", "tiny@3", "production", "--json").out)
    assert (told["version"], told["before"]) == (3, 1)
    accuracy = {"what": "accuracy", "candidate": 0.9, "incumbent": 1.0, "least": 0.8, "passed": True}
    assert told["checks"][0] == pytest.approx(accuracy)


def test_a_canary_begins_and_ends(models: Whatsit, store: Store) -> None:
    assert_failed(models("canary", "tiny@2", "production"), 1, "a canary goes beside another version")
    models("promote", "tiny@1", "production")
    assert models("canary", "tiny@2", "production", "--percent", 20).out == (
        "tiny@production: version 1, with 0.2 of the requests at version 2\n"
    )
    assert store.targets("tiny") == {"production": Target(1, 2, (80, 20))}
    assert models("canary", "tiny@2", "production", "--percent", 0).code == 2
    assert models("rollback", "tiny").out == "tiny@production: version 1 (was 2)\n"
    assert store.targets("tiny") == {"production": Target(1)}


def test_another_alias_goes_back_by_its_name(models: Whatsit, store: Store) -> None:
    for version in (1, 2):
        models("promote", f"tiny@{version}", "next")
    assert models("rollback", "tiny", "--alias", "next").out == "tiny@next: version 1 (was 2)\n"


def test_the_history_is_told(models: Whatsit) -> None:
    models("promote", "tiny@1", "production", "--why", "the first")
    models("canary", "tiny@2", "production", "--why", "[b]to try[/b]")
    told = models("history", "tiny").out
    assert "the first" in told
    assert "1: 95, 2: 5" in told
    assert "[b]to try[/b]" in told
    last = json.loads(models("history", "tiny", "--json").out)[-1]
    assert (last["action"], last["weights"]) == ("canary", {"1": 95, "2": 5})
    assert_failed(models("history", "nobody"), 1, "no model 'nobody'")


def test_going_back_can_expect_what_stands(models: Whatsit) -> None:
    for version in (1, 2):
        models("promote", f"tiny@{version}", "production")
    assert_failed(models("rollback", "tiny", "--expect", 1), 1, "names version 2, not version 1")
    assert models("rollback", "tiny", "--expect", 2).code == 0


def test_old_versions_are_pruned(models: Whatsit, store: Store) -> None:
    models("promote", "tiny@2", "production")
    for _ in range(2):
        publish_tiny(store.location)
    assert models("prune", "tiny", "--keep", 1, "--dry-run").out == "tiny: would remove 1, 3\n"
    assert store.versions("tiny") == [1, 2, 3, 4]
    assert models("prune", "tiny", "--keep", 1, "--why", "room").out == "tiny: removed 1, 3\n"
    assert store.versions("tiny") == [2, 4]
    assert json.loads(models("prune", "tiny", "--keep", 1, "--json").out)["removed"] == []
    assert_failed(models("prune", "nobody"), 1, "no model 'nobody'")


def test_an_alias_is_removed(models: Whatsit, store: Store) -> None:
    models("promote", "tiny@1", "shadow")
    assert_failed(models("unalias", "tiny", "shadow", "--expect", 2), 1, "names version 1, not version 2")
    assert models("unalias", "tiny", "shadow", "--why", "enough").out == "tiny@shadow: removed (was 1)\n"
    assert store.aliases("tiny") == {}
    assert_failed(models("unalias", "tiny", "shadow"), 1, "no alias 'shadow'")
    assert models("promote", "tiny@2", "shadow").out == "tiny@shadow: version 2 (was no version)\n"
    assert_failed(models("rollback", "tiny", "--alias", "shadow"), 1, "no earlier version")
