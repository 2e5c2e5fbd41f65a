"""Which content types are taken, and as what."""

import pytest

from service.settings import Settings
from tests.service.support.apps import App
from tests.service.support.bodies import MULTIPART, files, json_image, multipart, part
from tests.service.support.problems import assert_problem
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")


async def status(app: App, path: str, content_type: str | None, body: bytes = RED) -> int:
    headers = {} if content_type is None else {"content-type": content_type}
    return (await app.client.post(path, content=body, headers=headers)).status_code


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/batch"])
@pytest.mark.parametrize(
    "content_type",
    [
        "image/png",
        "image/jpeg",
        "IMAGE/PNG",
        "image/png; charset=binary",
        "image/x-unheard-of",
        "application/octet-stream",
    ],
)
async def test_the_bytes_themselves_are_sniffed_whatever_kind_of_image_they_are_said_to_be(
    app: App, path: str, content_type: str
) -> None:
    assert await status(app, path, content_type) == 200


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/batch"])
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json-patch+json",
        "application/pickle",
        "application/x-tar",
        "multipart/mixed; boundary=a-boundary",
        "imagepng",
        "*/*",
        ";",
    ],
)
async def test_other_content_types_are_not_taken(app: App, path: str, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    for body in (RED, json_image(RED), b""):
        response = await app.client.post(path, content=body, headers=headers)
        members = assert_problem(response, 415, "unsupported-content-type")
        assert "multipart/form-data" in members["detail"]


async def test_a_content_type_of_control_characters_is_told_escaped(app: App) -> None:
    response = await app.client.post("/v1/predict", content=RED, headers={"content-type": 'a"\t<b>'})
    assert_problem(response, 415, "unsupported-content-type")


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json(app: App, content_type: str) -> None:
    assert await status(app, "/v1/predict", content_type, json_image(RED)) == 200


@pytest.mark.parametrize("content_type", [MULTIPART, MULTIPART.replace("multipart", "Multipart")])
async def test_multipart(app: App, content_type: str) -> None:
    assert await status(app, "/v1/predict", content_type, multipart(part(RED))) == 200


async def test_an_empty_body_is_malformed(app: App) -> None:
    for path in ("/v1/predict", "/v1/predict/batch"):
        response = await app.client.post(path, content=b"", headers={"content-type": "image/png"})
        assert_problem(response, 400, "malformed-request")


async def test_an_image_in_itself_is_a_batch_of_one(app: App) -> None:
    response = await app.client.post("/v1/predict/batch", content=RED, headers={"content-type": "image/png"})
    [result] = response.json()["results"]
    assert (result["label"], result["name"]) == ("red", None)


async def test_predict_takes_one_file_only(app: App) -> None:
    body = files([RED, RED], field="file")
    response = await app.client.post("/v1/predict", content=body, headers={"content-type": MULTIPART})
    assert_problem(response, 413, "too-many-images")


async def test_the_field_has_one_name_on_each_path(app: App, settings: Settings) -> None:
    for path, field in (("/v1/predict", "files"), ("/v1/predict/batch", "file")):
        body = files([RED], field=field)
        response = await app.client.post(path, content=body, headers={"content-type": MULTIPART})
        members = assert_problem(response, 400, "malformed-request")
        assert "has no file field" in members["detail"]
