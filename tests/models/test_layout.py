from pathlib import Path

import pytest

from models.errors import InvalidRef
from models.layout import UNFINISHED, bundle_dir, graph_file, model_dir
from models.manifest import PRECISIONS
from models.refs import is_name, is_version

ROOT = Path("store")


def test_where_things_lie() -> None:
    assert model_dir(ROOT, "cifar10") == ROOT / "cifar10"
    assert bundle_dir(ROOT, "cifar10", 3) == ROOT / "cifar10" / "3"


def test_graphs_are_named_by_their_precision() -> None:
    assert [graph_file(precision) for precision in PRECISIONS] == ["model.onnx", "model.fp16.onnx", "model.int8.onnx"]


@pytest.mark.parametrize(
    ("name", "version"), [("..", 1), ("a/b", 1), ("/a", 1), ("", 1), ("a", 0), ("a", -1), ("a", 10**9)]
)
def test_nothing_lies_outside(name: str, version: int) -> None:
    with pytest.raises(InvalidRef):
        bundle_dir(ROOT, name, version)


def test_what_is_unfinished_can_be_neither_a_model_nor_a_version() -> None:
    assert not is_name(f"{UNFINISHED}x")
    assert not is_version(f"{UNFINISHED}1")
