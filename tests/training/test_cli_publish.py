"""``whatsit publish``: which graphs go along."""

import json
from pathlib import Path

import pytest

from models.manifest import PRECISIONS
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
