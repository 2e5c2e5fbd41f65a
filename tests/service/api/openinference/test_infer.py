"""Requests for inference as they are written by hand: every form that is taken, and what is refused."""

import base64
import json

import httpx
import numpy as np
import pytest

from tests.service.api.openinference.support import (
    INFER,
    LENGTH,
    assert_error,
    binary_input,
    elements,
    image_input,
    outputs,
    pixel_input,
    pixels,
    png,
    with_binary,
)
from tests.service.conftest import Start
from tests.service.support.apps import App
from tests.service.support.moods import FAILS, GOOD, NONSENSE, mood

MOODY = "/v2/models/moody/infer"


async def infer(app: App, *inputs: object, path: str = INFER, **members: object) -> httpx.Response:
    return await app.client.post(path, json={"inputs": list(inputs), **members})


def indices(response: httpx.Response) -> list[int]:
    """The likeliest class of each image of an answer in JSON."""
    [output] = outputs(response)
    assert (output["name"], output["datatype"]) == ("probabilities", "FP32")
    found: list[int] = np.array(output["data"]).reshape(output["shape"]).argmax(axis=1).tolist()
    return found


async def test_json_is_flat_or_nested(app: App) -> None:
    given = pixels("green", "blue")
    for data in (given.ravel().tolist(), given.tolist()):
        assert indices(await infer(app, pixel_input(data, shape=[2, 8, 8, 3]))) == [1, 2]


async def test_the_answer_is_that_of_predict(app: App) -> None:
    image = png("yellow")
    [output] = outputs(await infer(app, image_input(image)))
    predicted = (await app.client.post("/v1/predict", content=image, headers={"content-type": "image/png"})).json()
    scores = {one["index"]: one["score"] for one in predicted["predictions"]}
    assert [round(score, 6) for score in output["data"]] == [scores[index] for index in range(3)]
    assert (output["shape"], "parameters" in output) == ([1, 3], False)


async def test_binary_in_either_direction_alone(app: App) -> None:
    images = elements(png("red"), png("blue"))
    sent = with_binary({"inputs": [binary_input("image", "BYTES", [2], len(images))]}, images)
    assert indices(await app.client.post(INFER, **sent)) == [0, 2]
    response = await infer(app, pixel_input(), parameters={"binary_data_output": True})
    length = int(response.headers[LENGTH])
    assert response.headers["content-type"] == "application/octet-stream"
    [output] = json.loads(response.content[:length])["outputs"]
    assert output["parameters"] == {"binary_data_size": 12}
    assert np.frombuffer(response.content[length:], "<f4").argmax() == 0


async def test_an_output_says_for_itself_whether_it_is_binary(app: App) -> None:
    wanted = [{"name": "probabilities", "parameters": {"binary_data": False}}]
    response = await infer(app, pixel_input(), parameters={"binary_data_output": True}, outputs=wanted)
    assert indices(response) == [0]


async def test_a_body_that_is_an_image_alone(app: App) -> None:
    response = await app.client.post(INFER, content=png("blue"), headers={LENGTH: "0"})
    length = int(response.headers[LENGTH])
    assert np.frombuffer(response.content[length:], "<f4").argmax() == 2
    headers = {LENGTH: "0", "accept": "application/json"}
    assert indices(await app.client.post(INFER, content=png("blue"), headers=headers)) == [2]
    assert_error(await app.client.post(INFER, content=b"GIF88a", headers=headers), 415, "image 0: ")


async def test_classification_gives_no_more_labels_than_there_are(app: App) -> None:
    wanted = [{"name": "probabilities", "parameters": {"classification": 9}}]
    [output] = outputs(await infer(app, image_input(png("green"), png("red")), outputs=wanted))
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 3])
    assert [output["data"][0], output["data"][3]] == ["0.999913:1:green", "1.000000:0:red"]


async def test_no_content_type_is_needed(app: App) -> None:
    body = json.dumps({"inputs": [pixel_input()]})
    request = app.client.build_request("POST", f"http://localhost{INFER}", content=body)
    assert "content-type" not in request.headers
    assert indices(await app.client.send(request)) == [0]


async def test_members_that_nobody_knows_are_left_alone(app: App) -> None:
    given = {**pixel_input(), "parameters": {"content_type": "np"}}
    response = await infer(app, given, model_name="tiny", parameters={"priority": 2, "mine": "x"}, outputs=[])
    assert indices(response) == [0]


async def test_a_broken_image_is_named_and_nothing_is_answered(app: App) -> None:
    images = [png(), b"", png()[:40], png()]
    assert_error(await infer(app, image_input(*images)), 422, "image 1: ")
    assert_error(await infer(app, image_input(*images[2:])), 422, "image 0: ")
    assert app.services.pipeline.admission.inside == 0


async def test_a_graph_that_fails_on_an_image_is_told_with_its_place(app: App) -> None:
    for bad in (FAILS, NONSENSE):
        response = await infer(app, image_input(mood(GOOD), mood(bad)), path=MOODY)
        assert_error(response, 500, "image 1: ")
    assert await app.metric('whatsit_errors_total{type="inference-failed"}') == 2


async def test_it_is_counted_and_logged_like_any_request(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "whatsit.request")
    await infer(app, image_input(png(), png()), path="/v2/models/tiny/versions/1/infer")
    [fields] = [record.fields for record in caplog.records if record.message == "request"]
    assert (fields["model"], fields["images"], fields["status"]) == ("tiny@1", 2, 200)
    assert fields["bytes"] > 2 * len(png())
    route = "/v2/models/{model}/versions/{version}/infer"
    assert await app.metric(f'whatsit_requests_total{{method="POST",route="{route}",status="200"}}') == 1
    assert await app.metric('whatsit_images_total{model="tiny",outcome="ok",version="1"}') == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": [1, 8, 8]}, "pixels is UINT8 of the shape [-1, 8, 8, 3], not UINT8 of [1, 8, 8]"),
        ({"shape": [1, 8, 3, 8]}, "of the shape [-1, 8, 8, 3]"),
        ({"shape": []}, "of the shape [-1, 8, 8, 3]"),
        ({"datatype": "FP32"}, "not FP32"),
        ({"shape": [0, 8, 8, 3], "data": []}, "at least one"),
        ({"shape": [-1, 8, 8, 3]}, "at least one"),
        ({"shape": [2, 8, 8, 3]}, "is nested as [192]"),
        ({"shape": [1.5, 8, 8, 3]}, "inputs.0.shape.0"),
        ({"shape": ["1", 8, 8, 3]}, "inputs.0.shape.0"),
        ({"data": [0.5] * 192}, "whole numbers"),
        ({"data": [256] * 192}, "whole numbers"),
        ({"data": [-1] * 192}, "whole numbers"),
        ({"data": [True] * 192}, "whole numbers"),
        ({"data": ["1"] * 192}, "whole numbers"),
        ({"data": [2**70] * 192}, "whole numbers"),
        ({"data": {"a": 1}}, "whole numbers"),
        ({"data": []}, "whole numbers"),
        ({"data": [[1], [1, 2]]}, "nested unevenly"),
        ({"data": np.zeros((8, 8, 3), int).tolist()}, "is nested as [8, 8, 3]"),
        ({"data": None}, "has data or binary_data_size"),
        ({"name": "images"}, "there is no input 'images'"),
        ({"parameters": {"shared_memory_region": "a"}}, "shared memory is not offered"),
        ({"parameters": {"binary_data_size": 3}}, "0 bytes follow the JSON"),
    ],
)
async def test_pixels_that_are_none(app: App, changes: dict[str, object], words: str) -> None:
    given = {name: value for name, value in {**pixel_input(), **changes}.items() if value is not None}
    assert_error(await infer(app, given), 400, words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": [1, 1]}, "image is BYTES of the shape [-1]"),
        ({"datatype": "UINT8"}, "image is BYTES"),
        ({"shape": [2]}, "has 1 elements"),
        ({"data": ["not base64!"]}, "not base64"),
        ({"data": "YQ=="}, "a list of 1 base64 texts"),
        ({"data": [1]}, "base64 text"),
    ],
)
async def test_images_that_are_none(app: App, changes: dict[str, object], words: str) -> None:
    assert_error(await infer(app, {**image_input(png()), **changes}), 400, words)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "inputs"),
        ({"inputs": []}, "a request has one input, pixels or image, not 0"),
        ({"inputs": [pixel_input(), image_input(png())]}, "not 2"),
        ({"inputs": {}}, "inputs"),
        ({"inputs": [pixel_input()], "id": 7}, "id"),
        ({"inputs": [pixel_input()], "outputs": [{"name": "logits"}]}, "there is no output 'logits'"),
        ({"inputs": [pixel_input()], "outputs": [{"name": "probabilities"}] * 2}, "once"),
        ({"inputs": [pixel_input()], "parameters": {"sequence_id": "a"}}, "sequences"),
        ({"inputs": [pixel_input()], "parameters": {"timeout": -1}}, "timeout"),
    ],
)
async def test_requests_that_are_none(app: App, members: dict[str, object], words: str) -> None:
    assert_error(await app.client.post(INFER, json=members), 400, words)


@pytest.mark.parametrize(
    "parameters",
    [{"classification": -1}, {"classification": True}, {"binary_data": 1}, {"shared_memory_region": "a"}],
)
async def test_outputs_that_cannot_be(app: App, parameters: dict[str, object]) -> None:
    wanted = [{"name": "probabilities", "parameters": parameters}]
    assert_error(await infer(app, pixel_input(), outputs=wanted), 400)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"inputs": [[[' + b"[" * 40])
async def test_bodies_that_are_no_json_object(app: App, body: bytes) -> None:
    assert_error(await app.client.post(INFER, content=body), 400)


async def test_json_that_holds_too_much_is_refused_before_it_is_read(app: App) -> None:
    assert_error(await app.client.post(INFER, content=b'{"inputs": [' + b"[]," * 150_000), 400, "300,000 values")
    assert_error(await app.client.post(INFER, content=b'{"a":' * 40 + b"1" + b"}" * 40), 400, "deeper than 32")


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "²", "9" * 13, ""])
async def test_a_header_that_is_no_length(app: App, length: str) -> None:
    headers = {LENGTH.encode(): length.encode()}
    assert_error(await app.client.post(INFER, content=b"{}", headers=headers), 400, "a number of bytes")


async def test_lengths_that_contradict_each_other(app: App) -> None:
    data = pixels("red").tobytes()
    given = binary_input("pixels", "UINT8", [1, 8, 8, 3], len(data))
    good = with_binary({"inputs": [given]}, data)
    assert indices(await app.client.post(INFER, **good)) == [0]
    assert_error(await app.client.post(INFER, **with_binary({"inputs": [given]}, data + b"x")), 400, "193 bytes follow")
    assert_error(await app.client.post(INFER, **with_binary({"inputs": [given]}, data[1:])), 400, "191 bytes follow")
    too_long = {**good, "headers": {LENGTH: "100000"}}
    assert_error(await app.client.post(INFER, **too_long), 400, "100000 bytes are JSON")
    assert_error(await app.client.post(INFER, content=good["content"]), 400, "not JSON")
    short = binary_input("pixels", "UINT8", [2, 8, 8, 3], len(data))
    assert_error(await app.client.post(INFER, **with_binary({"inputs": [short]}, data)), 400, "has 192 bytes")
    both = {**given, "data": [1]}
    assert_error(await app.client.post(INFER, **with_binary({"inputs": [both]}, data)), 400, "and not both")


@pytest.mark.parametrize(
    ("binary", "words"),
    [
        (elements(b"x"), "has 1 elements"),
        (elements(b"x", b"y", b"z"), "has 3 elements"),
        (elements(b"x") + b"\x00\x00", "longer than what is left"),
        (elements(b"x") + (2**32 - 1).to_bytes(4, "little"), "longer than what is left"),
        (b"", "has 0 elements"),
    ],
)
async def test_elements_that_are_not_whole(app: App, binary: bytes, words: str) -> None:
    given = binary_input("image", "BYTES", [2], len(binary))
    assert_error(await app.client.post(INFER, **with_binary({"inputs": [given]}, binary)), 400, words)


async def test_no_more_images_than_a_request_may_hold(start: Start) -> None:
    async with start(max_images=2) as app:
        three = pixels("red", "red", "red")
        for given in (
            pixel_input(three.tolist(), shape=[3, 8, 8, 3]),
            image_input(*[png()] * 3),
            {**image_input(), "data": [base64.b64encode(png()).decode()] * 3, "shape": [2]},
        ):
            response = await infer(app, given)
            assert response.status_code in {400, 413}
        assert_error(await infer(app, pixel_input(three.tolist(), shape=[3, 8, 8, 3])), 413, "at most 2 images")
        many = elements(*[b""] * 100)
        sent = with_binary({"inputs": [binary_input("image", "BYTES", [1], len(many))]}, many)
        assert_error(await app.client.post(INFER, **sent), 400, "has 3 elements")


async def test_an_image_that_is_too_large(start: Start) -> None:
    async with start(max_image_bytes=100) as app:
        assert_error(await infer(app, image_input(b"\x89PNG\r\n\x1a\n" + bytes(200))), 413, "image 0: ")


async def test_a_ref_that_names_a_version_twice(app: App) -> None:
    assert_error(await infer(app, pixel_input(), path="/v2/models/tiny@1/versions/1/infer"), 400, "names a version")
    assert_error(await infer(app, pixel_input(), path="/v2/models/tiny/versions/01/infer"), 400, "is not a version")
