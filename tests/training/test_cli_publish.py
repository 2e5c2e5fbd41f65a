"""``whatsit publish``: which graphs go along."""

import getpass
import json
import os
from pathlib import Path

import pytest

from models import locations
from models.aliases import move_alias
from models.audit import entries
from models.errors import PromotionRefused
from models.manifest import PRECISIONS
from models.store import Store
from tests.support.bundles import publish_tiny
from tests.training.support import write_classes
from tests.training.test_cli import invoke
from training.run import Run


@pytest.mark.parametrize(
    ("asked", "published"), [([], list(PRECISIONS)), (["int8"], ["int8"]), (["int8", "fp32"], ["fp32", "int8"])]
)
def test_the_graphs_that_were_asked_for_are_published(
    finished: Run, tmp_path: Path, asked: list[str], published: list[str]
) -> None:
    options = [part for precision in asked for part in ("--precision", precision)]
    code, out = invoke("publish", finished.folder, "--name", "shapes", "--store", tmp_path, "--json", *options)
    assert (code, json.loads(out)["precisions"]) == (0, published)


def test_a_precision_that_there_is_not_is_wrong_usage(finished: Run, tmp_path: Path) -> None:
    code, _ = invoke("publish", finished.folder, "--name", "shapes", "--store", tmp_path, "--precision", "int4")
    assert code == 2


def test_an_alias_moves_to_other_labels_where_that_is_meant(finished: Run, tmp_path: Path) -> None:
    publish_tiny(tmp_path, "shapes")
    move_alias(Store(tmp_path), "shapes", "production", 1, who="tests", why="")
    words = ("publish", finished.folder, "--name", "shapes", "--alias", "production", "--store", tmp_path)
    with pytest.raises(PromotionRefused, match=r"say so \(new labels\)"):
        invoke(*words)
    assert invoke(*words, "--new-labels")[0] == 0
    assert Store(tmp_path).aliases("shapes") == {"production": 2}


def test_images_of_the_data_that_go_along_are_told(finished: Run, tmp_path: Path) -> None:
    words = ("publish", finished.folder, "--name", "shapes", "--store", tmp_path / "store")
    out = invoke(*words)[1]
    assert (
        f"of the test split 3 images are part of it, as golden images, which prove it ({tmp_path}/store/shapes" in out
    )
    assert json.loads(invoke(*words, "--json")[1])["golden_from"] == "the test split"
    others = write_classes(tmp_path / "others", 1, classes=["disc"]) / "disc"
    assert "test split" not in invoke(*words, "--golden", others)[1]
    facts = json.loads(invoke(*words, "--golden", others, "--json")[1])
    assert (facts["golden_images"], facts["golden_from"]) == (1, str(others))


def test_a_version_that_accepts_nothing_is_warned_of(finished: Run, tmp_path: Path) -> None:
    assert not finished.calibration().decision.coverage
    words = ("publish", finished.folder, "--name", "shapes", "--store", tmp_path / "store")
    told = "every answer will be for review: the 12 validation images prove of no score"
    assert f"warning: {told}" in invoke(*words)[1]
    assert json.loads(invoke(*words, "--json")[1])["warning"].startswith(told)


def test_a_run_that_was_published_before_is_warned_of(finished: Run, tmp_path: Path) -> None:
    words = ("publish", finished.folder, "--name", "shapes", "--store", tmp_path)
    assert "very same" not in invoke(*words, "--precision", "int8")[1]
    assert "very same" not in invoke(*words, "--precision", "fp32")[1]
    (tmp_path / "shapes" / "1" / "manifest.json").write_text("{")
    assert "warning: shapes@2 has the very same graphs" in invoke(*words, "--precision", "fp32")[1]
    assert (
        "shapes@2 has the very same graphs" in json.loads(invoke(*words, "--precision", "fp32", "--json")[1])["warning"]
    )


def test_a_store_that_the_next_installation_may_take_away_is_warned_of(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locations, "__file__", str(tmp_path / "site-packages" / "models" / "locations.py"))
    words = ["publish", str(finished.folder), "--name", "shapes"]
    assert "set WHATSIT_STORE" in invoke(*words)[1]
    assert "WHATSIT_STORE" not in invoke(*words, "--store", tmp_path)[1]


def test_a_user_without_a_name_can_publish(finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert invoke("publish", finished.folder, "--name", "shapes", "--store", tmp_path)[0] == 0
    assert [entry.who for entry in entries(tmp_path / "shapes")] == [str(os.getuid())]
