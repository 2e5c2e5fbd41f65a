"""The same client's other self, for asyncio: it reads answers and errors by code of its own."""

import asyncio
import gc
from collections.abc import AsyncIterator

import numpy as np
import pytest
from tritonclient.http.aio import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from service.background import HOST
from tests.service.api.openinference.support import pixels, png
from tests.service.support.process import Server

Client = InferenceServerClient
# Where only the status counts, it drops the answer unread, and its HTTP library complains.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning")


@pytest.fixture
async def client(triton: Server) -> AsyncIterator[Client]:
    async with Client(f"{HOST}:{triton.running.port}") as client:
        yield client
    gc.collect()


def pixel_input(*colours: str) -> InferInput:
    given = pixels(*colours)
    return InferInput("pixels", list(given.shape), "UINT8").set_data_from_numpy(given)


def best(result: InferResult) -> list[int]:
    indices: list[int] = result.as_numpy("probabilities").argmax(axis=1).tolist()
    return indices


async def test_health_and_metadata_which_it_cannot_read_compressed(client: Client) -> None:
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("tiny", "2")
    assert not await client.is_model_ready("nobody")
    headers = {"Accept-Encoding": "gzip, deflate"}
    assert (await client.get_server_metadata(headers=headers))["name"] == "whatsit"
    assert (await client.get_model_metadata("tiny", headers=headers))["versions"] == ["1", "2"]
    assert (await client.get_model_config("tiny", headers=headers))["backend"] == "onnxruntime"
    assert len(await client.get_model_repository_index(headers=headers)) == 6
    assert len((await client.get_inference_statistics(headers=headers))["model_stats"]) == 6


@pytest.mark.parametrize("algorithm", [None, "gzip", "deflate"])
async def test_inference(client: Client, algorithm: str | None) -> None:
    result = await client.infer(
        "tiny",
        [pixel_input(*["red", "green"] * 32)],
        request_id="mine",
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert best(result) == [0, 1] * 32
    assert result.get_response()["id"] == "mine"


async def test_classification_of_images(client: Client) -> None:
    images = np.array([png("blue"), png("green")], dtype=object)
    given = InferInput("image", [2], "BYTES").set_data_from_numpy(images)
    asked = [InferRequestedOutput("probabilities", class_count=1)]
    result = await client.infer("tiny", [given], model_version="2", outputs=asked)
    assert [text.split(b":")[1:] for text in result.as_numpy("probabilities").ravel()] == [
        [b"0", b"blue"],
        [b"1", b"green"],
    ]


async def test_requests_that_are_under_way_together(client: Client) -> None:
    colours = ["red", "green", "blue"] * 5
    results = await asyncio.gather(*(client.infer("tiny", [pixel_input(colour)]) for colour in colours))
    assert [best(result)[0] for result in results] == [0, 1, 2] * 5


async def test_loading_and_unloading(client: Client) -> None:
    await client.load_model("lent")
    await client.unload_model("lent")
    assert not await client.is_model_ready("lent")
    await client.load_model("lent@1")
    assert await client.is_model_ready("lent")


async def test_errors_are_read(client: Client) -> None:
    with pytest.raises(InferenceServerException, match="image 0: "):
        await client.infer("tiny", [InferInput("image", [1], "BYTES").set_data_from_numpy(np.array([b"x"], object))])
    for ask in (
        client.get_log_settings(),
        client.get_trace_settings("tiny"),
        client.register_system_shared_memory("a", "/a", 8),
        client.unregister_cuda_shared_memory(),
    ):
        with pytest.raises(InferenceServerException) as raised:
            await ask
        assert raised.value.status() == "404"
        assert "occurred in the client" not in str(raised.value)
