"""Every method of the protocol's own client, against a real server."""

import gzip
import inspect
import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from service.background import HOST
from tests.service.api.openinference.support import pixels, png
from tests.service.support.process import Server

Client = InferenceServerClient


@pytest.fixture
def client(triton: Server) -> Iterator[Client]:
    with Client(f"{HOST}:{triton.running.port}") as client:
        yield client


def pixel_input(*colours: str, binary: bool = True) -> InferInput:
    given = pixels(*colours)
    return InferInput("pixels", list(given.shape), "UINT8").set_data_from_numpy(given, binary_data=binary)


def image_input(*images: bytes) -> InferInput:
    return InferInput("image", [len(images)], "BYTES").set_data_from_numpy(np.array(images, dtype=object))


def labels(result: InferResult) -> list[list[str]]:
    """The label of each classification, by image."""
    return [[text.split(":")[2] for text in row] for row in texts(result)]


def texts(result: InferResult) -> list[list[str]]:
    """The classifications of each image; the client gives bytes where they were sent as such, and texts of JSON."""
    found = result.as_numpy("probabilities")
    return [[text if isinstance(text, str) else text.decode() for text in row] for row in found]


def best(result: InferResult) -> list[int]:
    """The index of the likeliest class of each image."""
    found = result.as_numpy("probabilities")
    assert found.dtype == np.float32
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    indices: list[int] = found.argmax(axis=1).tolist()
    return indices


def test_health(client: Client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny")
    assert client.is_model_ready("tiny", "2"), "it is opened for that"
    assert client.is_model_ready("tiny@next")
    assert not client.is_model_ready("nobody")
    assert not client.is_model_ready("tiny", "3")
    assert not client.is_model_ready("broken")


def test_metadata(client: Client) -> None:
    server = client.get_server_metadata()
    assert server["name"] == "whatsit"
    assert set(server["extensions"]) == {
        *("binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics")
    }
    assert (
        client.get_model_metadata("tiny", "2")
        == client.get_model_metadata("tiny")
        == {
            "name": "tiny",
            "versions": ["1", "2"],
            "platform": "onnxruntime_onnx",
            "inputs": [
                {"name": "pixels", "datatype": "UINT8", "shape": [-1, 8, 8, 3]},
                {"name": "image", "datatype": "BYTES", "shape": [-1]},
            ],
            "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]}],
        }
    )
    config = client.get_model_config("tiny", "1")
    assert (config["name"], config["max_batch_size"]) == ("tiny", 64)
    assert [given["dims"] for given in config["input"]] == [[8, 8, 3], []]


@pytest.mark.parametrize("binary", [True, False])
def test_pixels_in_probabilities_out(client: Client, binary: bool) -> None:
    asked = [InferRequestedOutput("probabilities", binary_data=binary)]
    result = client.infer("tiny", [pixel_input("green", "red", binary=binary)], outputs=asked, request_id="mine")
    assert best(result) == [1, 0]
    response = result.get_response()
    assert (response["model_name"], response["model_version"], response["id"]) == ("tiny", "1", "mine")
    assert ("data" in response["outputs"][0]) != binary


def test_without_outputs_they_are_binary(client: Client) -> None:
    result = client.infer("tiny", [pixel_input("blue")])
    assert best(result) == [2]
    assert result.get_output("probabilities")["parameters"] == {"binary_data_size": 12}
    assert "id" not in result.get_response()


def test_images_are_decoded(client: Client) -> None:
    assert best(client.infer("tiny", [image_input(png("blue"), png("green"))])) == [2, 1]


@pytest.mark.parametrize("binary", [True, False])
def test_classification(client: Client, binary: bool) -> None:
    asked = [InferRequestedOutput("probabilities", binary_data=binary, class_count=2)]
    result = client.infer("tiny", [image_input(png("green"), png("yellow"))], outputs=asked)
    found = labels(result)
    assert found[0][0] == "green"
    assert sorted(found[1]) == ["green", "red"]
    score, index, label = texts(result)[0][0].split(":")
    assert (float(score) > 0.99, index, label) == (True, "1", "green")


def test_a_version_or_an_alias_answers_and_says_so(client: Client) -> None:
    for model, version, answered, place in (
        *[("tiny", "", "1", 0), ("tiny", "2", "2", 2), ("tiny@next", "", "2", 2), ("tiny@1", "", "1", 0)],
    ):
        result = client.infer(model, [pixel_input("red")], model_version=version)
        assert (result.get_response()["model_version"], best(result)) == (answered, [place])


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compression_both_ways(client: Client, algorithm: str) -> None:
    result = client.infer(
        "tiny",
        [pixel_input(*["red", "blue"] * 32)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert best(result) == [0, 2] * 32


def test_requests_that_are_under_way_together(client: Client) -> None:
    colours = ["red", "green", "blue"] * 5
    waiting = [client.async_infer("tiny", [pixel_input(colour)]) for colour in colours]
    assert [best(one.get_result())[0] for one in waiting] == [0, 1, 2] * 5


def test_bodies_that_are_made_and_read_without_sending(client: Client) -> None:
    body, length = Client.generate_request_body([pixel_input("green")], request_id="made")
    headers = {"Inference-Header-Content-Length": length, "Content-Encoding": "gzip"}
    response = client._post("v2/models/tiny/infer", gzip.compress(body), headers, None)  # noqa: SLF001 - as infer does
    length = int(response.get("Inference-Header-Content-Length"))
    assert best(Client.parse_response_body(response.read(), header_length=length)) == [1]


def test_a_deadline_of_the_client_is_kept(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="longer than its request may take") as raised:
        client.infer("tiny", [pixel_input("red")], timeout=1)
    assert raised.value.status() == "504"


def test_the_repository(client: Client) -> None:
    def state(name: str, version: str = "1") -> tuple[str, str]:
        entries = client.get_model_repository_index()
        return next((e["state"], e["reason"]) for e in entries if (e["name"], e["version"]) == (name, version))

    assert state("spare") == ("UNAVAILABLE", "not open yet; it is opened when it is loaded or first asked for")
    client.load_model("spare")
    assert state("spare") == ("READY", "")
    client.unload_model("spare", unload_dependents=True)
    assert state("spare") == ("UNAVAILABLE", "unloaded")
    assert not client.is_model_ready("spare")
    with pytest.raises(InferenceServerException, match="spare@1 was unloaded") as raised:
        client.infer("spare", [pixel_input("red")])
    assert raised.value.status() == "503"
    client.load_model("spare")
    assert client.is_model_ready("spare")
    with pytest.raises(InferenceServerException, match="failed its proof"):
        client.load_model("broken")
    told, why = state("broken")
    assert (told, why.partition(" model")[0]) == ("UNAVAILABLE", "refused: ChecksumMismatch:")


def test_loading_takes_nothing_that_would_change_a_version(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="as it was published, so that config"):
        client.load_model("spare", config=json.dumps({"max_batch_size": 4}))


def test_statistics(client: Client) -> None:
    def inferences(model: str = "", version: str = "") -> dict[tuple[str, str], int]:
        stats = client.get_inference_statistics(model, version)["model_stats"]
        return {(one["name"], one["version"]): one["inference_count"] for one in stats}

    before = inferences()
    assert set(before) == {(name, "1") for name in ("broken", "lent", "other", "spare", "tiny")} | {("tiny", "2")}
    client.infer("other", [pixel_input("red", "red")])
    assert inferences("other") == {("other", "1"): before["other", "1"] + 2}
    assert inferences("tiny", "2") == {("tiny", "2"): before["tiny", "2"]}
    assert set(inferences("tiny")) == {("tiny", "1"), ("tiny", "2")}


ABSENT: list[tuple[str, Callable[[Client], object], str]] = [
    ("update_trace_settings", lambda c: c.update_trace_settings(settings={"trace_rate": "1"}), "tracing"),
    ("update_trace_settings", lambda c: c.update_trace_settings("tiny", {"trace_rate": "1"}), "tracing"),
    ("get_trace_settings", lambda c: c.get_trace_settings(), "tracing"),
    ("get_trace_settings", lambda c: c.get_trace_settings("tiny"), "tracing"),
    ("update_log_settings", lambda c: c.update_log_settings({"log_info": True}), "log_level"),
    ("get_log_settings", lambda c: c.get_log_settings(), "log_level"),
    ("get_system_shared_memory_status", lambda c: c.get_system_shared_memory_status(), "shared memory"),
    ("register_system_shared_memory", lambda c: c.register_system_shared_memory("a", "/a", 8), "shared memory"),
    ("unregister_system_shared_memory", lambda c: c.unregister_system_shared_memory(), "shared memory"),
    ("get_cuda_shared_memory_status", lambda c: c.get_cuda_shared_memory_status("a"), "shared memory"),
    ("register_cuda_shared_memory", lambda c: c.register_cuda_shared_memory("a", "", 0, 8), "shared memory"),
    ("unregister_cuda_shared_memory", lambda c: c.unregister_cuda_shared_memory("a"), "shared memory"),
]


@pytest.mark.parametrize(("ask", "words"), [pytest.param(ask, words, id=name) for name, ask, words in ABSENT])
def test_what_does_not_apply_says_so(client: Client, ask: Callable[[Client], object], words: str) -> None:
    with pytest.raises(InferenceServerException, match=words) as raised:
        ask(client)
    assert raised.value.status() == "404"


SHOWN = {
    *("is_server_live", "is_server_ready", "is_model_ready", "get_server_metadata", "get_model_metadata"),
    *("get_model_config", "get_model_repository_index", "load_model", "unload_model", "get_inference_statistics"),
    *("infer", "async_infer", "generate_request_body", "parse_response_body"),
}
NO_REQUEST = {"close", "plugin", "register_plugin", "unregister_plugin"}


def test_no_method_of_the_client_is_left_out() -> None:
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    assert methods == SHOWN | NO_REQUEST | {name for name, _, _ in ABSENT}


@pytest.mark.parametrize(
    ("ask", "status", "words"),
    [
        (lambda c: c.infer("nobody", [pixel_input("red")]), "404", "there is no model 'nobody'"),
        (lambda c: c.get_model_metadata("nobody"), "404", "there is no model 'nobody'"),
        (lambda c: c.get_model_metadata("tiny", "latest"), "400", "'latest' is not a version"),
        (lambda c: c.get_inference_statistics("nobody"), "404", "there is no model 'nobody'"),
        (lambda c: c.load_model("nobody"), "404", "there is no model 'nobody'"),
        (lambda c: c.unload_model("tiny@3"), "404", "has no version 3"),
        (lambda c: c.infer("tiny", [image_input(png(), b"x")]), "415", "image 1: "),
        (lambda c: c.infer("tiny", [image_input(png()[:40])]), "422", "image 0: "),
        (lambda c: c.infer("tiny", [pixel_input("red")], sequence_id=7), "400", "sequences are not offered"),
        (lambda c: c.infer("tiny", [InferInput("x", [1], "BYTES")]), "400", "there is no input 'x'"),
        (lambda c: c.infer("tiny", [image_input(b"x" * 100_000)]), "413", "the body is larger"),
    ],
)
def test_errors_reach_the_client_with_their_text(
    client: Client, ask: Callable[[Client], object], status: str, words: str
) -> None:
    with pytest.raises(InferenceServerException, match=words) as raised:
        ask(client)
    assert raised.value.status() == status
    assert "occurred in the client" not in str(raised.value)
