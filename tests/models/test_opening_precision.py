"""Of several graphs, the one that was asked for opens, and each is proved by what it may differ."""

from pathlib import Path

import onnxruntime
import pytest

from models.errors import GoldenMismatch, PrecisionMissing
from models.opening import open_version, prove_version
from models.store import Store
from tests.support.bundles import publish_tiny
from tests.support.forge import forge
from tests.support.graphs import colour_graph

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
LESS_SURE = colour_graph(sharpness=1.5)  # plain colours score 0.91 in place of 1


@pytest.fixture
def store(tmp_path: Path) -> Store:
    publish_tiny(tmp_path, variants={"int8": LESS_SURE, "fp16": colour_graph(sharpness=9)})
    return Store(tmp_path)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_what_is_asked_for_is_what_runs(store: Store, precision: str) -> None:
    opened = open_version(store, "tiny", 1, precision=precision)
    assert opened.precision == precision
    surest = opened.session.run(opened.golden_pixels).max()
    assert (surest < 0.95) == (precision == "int8")


def test_by_default_it_is_the_one_that_the_metrics_are_of(store: Store) -> None:
    assert open_version(store, "tiny", 1).precision == "fp32"


def test_auto_is_what_pays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for there, chosen in ((True, "int8"), (False, "fp32")):
        monkeypatch.setattr("models.precision.has_vnni", lambda there=there: there)
        assert open_version(store, "tiny", 1, precision="auto").precision == chosen


def test_auto_falls_to_the_graph_for_the_cpu_with_the_device(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """onnxruntime-gpu is installed, a driver is not: the graph for CUDA must not then run on the CPU."""
    real = onnxruntime.InferenceSession

    def start(graph: bytes, options: object, providers: list[object], **more: object) -> object:
        return real(graph, options, providers=[CPU], **more)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", start)
    monkeypatch.setattr("models.precision.has_vnni", lambda: True)
    opened = open_version(store, "tiny", 1, "auto", precision="auto")
    assert (opened.session.device, opened.precision) == ("cpu", "int8")
    assert [record.message for record in caplog.records] == ["running on the CPU"]


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    publish_tiny(tmp_path)
    with pytest.raises(PrecisionMissing, match="only fp32"):
        open_version(Store(tmp_path), "tiny", 1, precision="int8")


def test_each_graph_is_proved_by_a_tolerance_of_its_own(store: Store) -> None:
    """The graph of int8 may be that far from the golden images; the one of fp32 may not."""
    prove_version(store, "tiny", 1)
    forge(store.bundle("tiny", 1), "model.onnx", LESS_SURE.SerializeToString())
    open_version(store, "tiny", 1, precision="int8").prove()
    with pytest.raises(GoldenMismatch):
        open_version(store, "tiny", 1)


def test_every_graph_is_proved(store: Store) -> None:
    swapped = colour_graph(("blue", "red", "green")).SerializeToString()
    forge(store.bundle("tiny", 1), "model.int8.onnx", swapped)
    open_version(store, "tiny", 1)
    with pytest.raises(GoldenMismatch):
        prove_version(store, "tiny", 1)
