"""What is taken in of an ONNX file, and what is not."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from models.checksums import sha256_of
from models.errors import ImportRefused, UnsafeGraph
from models.graph_file import inspect_graph
from models.importing import read
from models.importing.read import read_source
from tests.models.importing.support import half_precision, saved
from tests.support.bad_graphs import external_tensor, with_external_data, with_foreign_node
from tests.support.classifiers import classifier


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A classifier whose weights lie in a file beside it, as exporters write large ones."""
    onnx.save_model(
        classifier(), tmp_path / "classifier.onnx", save_as_external_data=True, location="weights", size_threshold=0
    )
    return tmp_path / "classifier.onnx"


def test_weights_in_another_file_are_taken_in(outside: Path) -> None:
    source = read_source(outside)
    inspect_graph(source.content)  # refuses any that is left outside
    weights = outside.with_name("weights")
    assert source.files == {"classifier.onnx": sha256_of(outside), "weights": sha256_of(weights)}
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in source.model.graph.initializer}
    for tensor in classifier().graph.initializer:
        assert np.array_equal(found[tensor.name], numpy_helper.to_array(tensor))


def test_weights_that_are_not_there_or_cut_short(outside: Path) -> None:
    weights = outside.with_name("weights")
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    with pytest.raises(ImportRefused, match=r"lie in another file, which cannot be used: .*exceeds"):
        read_source(outside)
    weights.unlink()
    with pytest.raises(ImportRefused, match="lie in another file, which cannot be used"):
        read_source(outside)


def test_weights_elsewhere_than_beside_it_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(4))
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "secret")
    for location in ("../secret", str(tmp_path / "secret"), "link"):
        model = classifier()
        model.graph.initializer.append(external_tensor(location))
        with pytest.raises(ImportRefused, match="lie in another file, which cannot be used"):
            read_source(saved(model, tmp_path / "inside"))


def test_together_they_must_not_be_too_large(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MAX_GRAPH_BYTES", outside.stat().st_size + 10)
    with pytest.raises(UnsafeGraph, match="with its weights has"):
        read_source(outside)


@pytest.mark.parametrize("place", ["attribute", "if_branch", "sparse_values"])
def test_external_data_anywhere_else_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(4))
    (tmp_path / "bad.onnx").write_bytes(with_external_data(place))
    with pytest.raises(UnsafeGraph, match="keeps tensors in another file"):
        read_source(tmp_path / "bad.onnx")


def test_foreign_operators_are_refused_and_foreign_imports_dropped(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(with_foreign_node())
    with pytest.raises(UnsafeGraph, match=r"com\.microsoft"):
        read_source(path)
    model = classifier()
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert [opset.domain for opset in read_source(saved(model, tmp_path)).model.opset_import] == [""]


def test_functions_of_its_own_are_put_where_they_are_called(tmp_path: Path) -> None:
    """torch's exporter may leave some."""
    model, own = classifier(), [helper.make_opsetid("", 20)]
    relu = helper.make_node("Relu", ["x"], ["y"])
    model.functions.append(helper.make_function("pkg.torch", "own", ["x"], ["y"], [relu], own))
    model.opset_import.append(helper.make_opsetid("pkg.torch", 1))
    model.graph.node[-1].input[0] = "called"
    model.graph.node.insert(8, helper.make_node("own", ["answers"], ["called"], domain="pkg.torch"))
    found = read_source(saved(model, tmp_path)).model
    assert not found.functions
    assert "Relu" in [node.op_type for node in found.graph.node]


def test_notes_of_the_machine_are_left_out(tmp_path: Path) -> None:
    model = classifier()
    model.doc_string = "/home/somebody"
    model.metadata_props.add(key="path", value="/home/somebody")
    model.graph.node[0].doc_string = "/home/somebody/model.py"
    model.graph.node[0].metadata_props.add(key="trace", value="/home/somebody")
    source = read_source(saved(model, tmp_path))
    assert b"somebody" not in source.content
    assert source.producer == "pytorch 2.0.0"


def test_what_is_no_onnx_file(tmp_path: Path) -> None:
    for content in (b"not a graph", classifier().SerializeToString()[:-7]):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(ImportRefused, match="is no ONNX file, or was cut short"):
            read_source(tmp_path / "bad.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"")
    with pytest.raises(UnsafeGraph, match="not an ONNX model"):
        read_source(tmp_path / "bad.onnx")


def test_an_opset_that_is_too_old(tmp_path: Path) -> None:
    model = classifier(opset=7)
    model.opset_import[0].version = 6
    with pytest.raises(ImportRefused, match="of opset 6; export it again with 7 or later"):
        read_source(saved(model, tmp_path))


def test_the_precision_is_that_of_the_weights(tmp_path: Path) -> None:
    assert read_source(saved(classifier(), tmp_path)).precision == "fp32"
    assert read_source(saved(classifier(dtype="float16"), tmp_path)).precision == "fp32"  # but for input and output
    model = half_precision()
    assert read_source(saved(model, tmp_path)).precision == "fp16"
    model.graph.node.append(helper.make_node("DequantizeLinear", ["bytes", "scale"], ["values"]))
    assert read_source(saved(model, tmp_path)).precision == "int8"
