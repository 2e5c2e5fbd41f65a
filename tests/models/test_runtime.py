"""Sessions on the real onnxruntime; only a machine with CUDA is pretended, for there is none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from models import runtime
from models.errors import DeviceUnavailable, SignatureMismatch, UnsafeGraph
from models.manifest import InputSpec
from models.runtime import Session, open_session, read_graph, real_devices
from tests.support.bad_graphs import external_weights_graph
from tests.support.graphs import colour_graph

SPEC = InputSpec(height=8, width=8)
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def session(model: onnx.ModelProto) -> Session:
    return Session(model.SerializeToString())


def plain(*colours: tuple[int, int, int]) -> np.ndarray:
    return np.stack([np.full((8, 8, 3), colour, np.uint8) for colour in colours])


def test_a_graph_answers() -> None:
    opened = session(colour_graph())
    opened.check_signature(SPEC, 3)
    answers = opened.run(plain((250, 0, 0), (0, 0, 250), (0, 250, 0)))
    assert answers.dtype == np.float32
    assert answers.argmax(axis=1).tolist() == [0, 2, 1]
    assert (opened.device, opened.provider, opened.opset) == ("cpu", CPU, 20)


def test_one_by_one_and_all_at_once_are_the_same() -> None:
    opened = session(colour_graph())
    images = np.random.default_rng(0).integers(0, 256, (17, 8, 8, 3), np.uint8)
    one_by_one = np.concatenate([opened.run(image[None]) for image in images])
    assert np.abs(opened.run(images) - one_by_one).max() < 1e-6


def test_threads_are_a_choice() -> None:
    graph = colour_graph().SerializeToString()
    for threads in (0, 1, 2):
        assert Session(graph, "cpu", threads).run(plain((250, 0, 0))).argmax() == 0


WRONG_SIGNATURES = {
    "input type": {"input_type": TensorProto.FLOAT},
    "output type": {"output_type": TensorProto.DOUBLE},
    "input name": {"names": ("image", "probabilities")},
    "output name": {"names": ("pixels", "classes")},
    "height": {"height": 9},
    "width": {"width": 9},
    "channels": {"channels": 1},
    "classes": {"labels": ("red", "green")},
    "fixed batch of one": {"batch": 1},
    "fixed batch of eight": {"batch": 8},
}


@pytest.mark.parametrize("wrong", WRONG_SIGNATURES)
def test_another_signature_is_refused(wrong: str) -> None:
    opened = session(colour_graph(**WRONG_SIGNATURES[wrong]))
    with pytest.raises(SignatureMismatch):
        opened.check_signature(SPEC, 3)


def _second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("size", TensorProto.INT64, [2]))


def _second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("colour", TensorProto.FLOAT, ["N", 3]))


def _scalar_output_besides(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("ReduceSum", ["probabilities"], ["total"], keepdims=0))
    model.graph.output.append(helper.make_tensor_value_info("total", TensorProto.FLOAT, []))


def _scalar_output(model: onnx.ModelProto) -> None:
    model.graph.node[-1].output[0] = "rows"
    model.graph.node.append(helper.make_node("ReduceSum", ["rows"], ["probabilities"], keepdims=0))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, []))


def _sequence_output(model: onnx.ModelProto) -> None:
    model.graph.node[-1].output[0] = "rows"
    model.graph.node.append(helper.make_node("SequenceConstruct", ["rows"], ["probabilities"]))
    listed = helper.make_tensor_sequence_value_info("probabilities", TensorProto.FLOAT, ["N", 3])
    model.graph.output[0].CopyFrom(listed)


def _input_of_unknown_rank(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


@pytest.mark.parametrize(
    "change",
    [_second_input, _second_output, _scalar_output_besides, _scalar_output, _sequence_output, _input_of_unknown_rank],
)
def test_another_number_or_kind_of_values_is_refused(change: Callable[[onnx.ModelProto], None]) -> None:
    model = colour_graph()
    change(model)
    opened = session(model)
    with pytest.raises(SignatureMismatch):
        opened.check_signature(SPEC, 3)


def test_a_free_batch_axis_needs_no_name() -> None:
    session(colour_graph(batch=None)).check_signature(SPEC, 3)


def test_the_message_says_what_was_wanted() -> None:
    with pytest.raises(SignatureMismatch, match=r"takes .*float.*; wanted: pixels, uint8, \[N, 8, 8, 3\]"):
        session(colour_graph(input_type=TensorProto.FLOAT)).check_signature(SPEC, 3)


def test_a_graph_that_onnxruntime_cannot_open_is_refused() -> None:
    model = colour_graph()
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(UnsafeGraph, match="onnxruntime cannot open the graph"):
        session(model)


def test_a_graph_in_onnxruntimes_own_format_is_refused(tmp_path: Path) -> None:
    """It would be opened without a look at its operators and tensors."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(colour_graph().SerializeToString(), options, providers=[CPU])
    with pytest.raises(UnsafeGraph):
        open_session(tmp_path / "model.ort")


def test_weights_in_another_file_are_refused_also_where_onnxruntime_would_open_them(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(external_weights_graph(tmp_path))
    assert onnxruntime.InferenceSession(path, providers=[CPU]).get_inputs()
    with pytest.raises(UnsafeGraph, match="another file"):
        open_session(path)


def test_weights_behind_a_hard_link_are_refused(tmp_path: Path) -> None:
    secret, bundle = tmp_path / "secret", tmp_path / "bundle"
    secret.mkdir()
    bundle.mkdir()
    graph = external_weights_graph(secret)
    (bundle / "weights.bin").hardlink_to(secret / "weights.bin")
    (bundle / "model.onnx").write_bytes(graph)
    assert onnxruntime.InferenceSession(bundle / "model.onnx", providers=[CPU]).get_inputs()
    with pytest.raises(UnsafeGraph, match="another file"):
        open_session(bundle / "model.onnx")


def test_a_file_over_1_gb_is_not_even_read(tmp_path: Path) -> None:
    large = tmp_path / "large.onnx"
    with large.open("wb") as file:
        file.truncate(1_000_000_001)  # takes no room on the disk
    with pytest.raises(UnsafeGraph, match="larger than 1,000,000,000 bytes"):
        read_graph(large)


class TestWithoutCuda:
    def test_asking_for_it_is_an_error(self) -> None:
        with pytest.raises(DeviceUnavailable, match="`make gpu`"):
            Session(colour_graph().SerializeToString(), "cuda")

    def test_auto_is_the_cpu(self) -> None:
        assert real_devices("auto") == ("cpu",)


class TestWithCudaThatDoesNotStart:
    """onnxruntime-gpu is installed, a driver is not: onnxruntime either says nothing or raises."""

    @pytest.fixture(params=["says nothing", "raises"], autouse=True)
    def _cuda(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        real = onnxruntime.InferenceSession

        def start(graph: bytes, options: object, providers: list[object], **more: object) -> object:
            names = [provider if isinstance(provider, str) else provider[0] for provider in providers]
            if CUDA in names and request.param == "raises":
                raise RuntimeError("CUDA failure 35: the driver is too old\nwith a long trace")
            return real(graph, options, providers=[CPU], **more)

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
        monkeypatch.setattr(onnxruntime, "InferenceSession", start)

    def test_asking_for_it_is_an_error(self) -> None:
        with pytest.raises(DeviceUnavailable, match="does not start") as caught:
            Session(colour_graph().SerializeToString(), "cuda")
        assert "\n" not in str(caught.value)

    def test_auto_tries_it_first(self) -> None:
        assert real_devices("auto") == ("cuda", "cpu")
        assert real_devices("cpu") == ("cpu",)
        assert real_devices("cuda") == ("cuda",)

    def test_a_broken_graph_is_not_blamed_on_the_device(self) -> None:
        model = colour_graph()
        model.graph.node[0].op_type = "NoSuchOperator"
        with pytest.raises(UnsafeGraph):
            Session(model.SerializeToString(), "cuda")


@pytest.fixture(params=[True, False])
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What onnxruntime was asked for, besides the graph."""
    asked: dict[str, Any] = {"vnni": request.param}
    monkeypatch.setattr("models.runtime.has_vnni", lambda: request.param)
    real = onnxruntime.InferenceSession

    def start(graph: bytes, options: onnxruntime.SessionOptions, **more: object) -> object:
        asked.update(more, options=options)
        return real(graph, options, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", start)
    session(colour_graph())
    return asked


def test_nothing_falls_back_in_silence(asked: dict[str, Any]) -> None:
    """onnxruntime's own fallback would move a running session to the CPU and print that on stdout."""
    assert asked["enable_fallback"] == 0


def test_rounding_to_bytes_stays_where_it_was_put(asked: dict[str, Any]) -> None:
    assert asked["disabled_optimizers"] == ["QDQPropagationTransformer"]


def test_bytes_are_multiplied_without_saturating(asked: dict[str, Any]) -> None:
    """On processors without VNNI a convolution of bytes is wrong without the option; with VNNI it is only slower."""
    option = asked["options"].get_session_config_entry("session.x64quantprecision")
    assert option == ("0" if asked["vnni"] else "1")


@pytest.mark.parametrize(("threads", "alone", "ways"), [(1, 2, (False, True)), (1, 1, (False,)), (0, 2, (False,))])
def test_a_run_that_is_alone_may_have_threads_of_its_own(threads: int, alone: int, ways: tuple[bool, ...]) -> None:
    session = Session(colour_graph().SerializeToString(), "cpu", threads, alone)
    assert session.ways == ways
    pixels = np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3)
    assert np.abs(session.run(pixels, alone=True) - session.run(pixels)).max() < 1e-6
    session.keep_to_one_way()
    assert session.ways == (False,)


def test_a_large_graph_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_TWICE_BYTES", 10)
    assert Session(colour_graph().SerializeToString(), "cpu", 1, 2).ways == (False,)
