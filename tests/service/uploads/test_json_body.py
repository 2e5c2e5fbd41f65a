"""JSON bodies: base64 in one member, and what else a stranger may send."""

import json
import tracemalloc

import pytest

from service.errors import MalformedRequest, TooManyImages
from service.uploads.json_body import read_json_image, read_json_images
from tests.service.support.bodies import base64_text, json_image, json_images


def nested(depth: int) -> bytes:
    """``{"image": [[...]]}`` whose innermost list is ``depth`` deep, the object counted."""
    return b'{"image":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_an_image_comes_back() -> None:
    content = bytes(range(256))
    assert read_json_image(json_image(content), 32).read() == content


def test_images_come_back_in_their_order() -> None:
    contents = [b"a", b"", b"ccc"]
    assert [upload.read() for upload in read_json_images(json_images(contents), 32, 3)] == contents


@pytest.mark.parametrize("body", [b' \n{ "image" :\t"YQ==" } ', b'{"image": "Y\\u0051=="}'])
def test_json_may_be_written_in_many_ways(body: bytes) -> None:
    assert read_json_image(body, 32).data == b"a"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"YQ=="', b"{}", b"nonsense", b"\xff\xfe", b'{"image": "YQ=="} x', b'{"image": NaN}'],
)
def test_what_is_no_such_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_json_image(body, 32)
    with pytest.raises(MalformedRequest):
        read_json_images(body, 32, 64)


@pytest.mark.parametrize(
    "content",
    [
        {"images": ["YQ=="]},
        {"image": "YQ==", "more": 1},
        {"image": ["YQ=="]},
        {"image": None},
        {"image": 1},
        {"image": {"b64": "YQ=="}},
        {"Image": "YQ=="},
    ],
)
def test_only_the_one_member_is_taken_and_only_as_text(content: object) -> None:
    with pytest.raises(MalformedRequest):
        read_json_image(json.dumps(content).encode(), 32)


@pytest.mark.parametrize("images", [[], "YQ==", None, {}, [1], [None], ["YQ==", ["YQ=="]]])
def test_images_are_a_list_of_texts_that_is_not_empty(images: object) -> None:
    with pytest.raises(MalformedRequest):
        read_json_images(json.dumps({"images": images}).encode(), 32, 64)


@pytest.mark.parametrize(
    "text", ["data:image/png;base64,YQ==", "YQ=", "YQ", "Y Q==", "YQ==\n", "-_8=", "é", "YQ==YQ==", "=" * 9]
)
def test_what_is_no_base64_is_refused_and_the_way_out_is_told(text: str) -> None:
    with pytest.raises(MalformedRequest, match="data: prefix"):
        read_json_image(json.dumps({"image": text}).encode(), 32)


@pytest.mark.parametrize(("depth", "told"), [(32, "base64 text"), (33, "deeper than 32"), (150, "deeper than 32")])
def test_how_deep_it_may_nest(depth: int, told: str) -> None:
    with pytest.raises(MalformedRequest, match=told):
        read_json_image(nested(depth), 32)


@pytest.mark.parametrize("depth", [5_000, 50_000])
def test_absurd_depth_breaks_nothing(depth: int) -> None:
    for body in (nested(depth), b"[" * depth, b'{"image":' * depth):
        with pytest.raises(MalformedRequest):
            read_json_image(body, 32)


def test_as_many_images_as_there_may_be_and_one_more() -> None:
    assert len(read_json_images(json_images([b"a"] * 64), 32, 64)) == 64
    with pytest.raises(TooManyImages, match="at most 64"):
        read_json_images(json_images([b"a"] * 65), 32, 64)


@pytest.mark.parametrize("value", [b"[],", b"{},", b"0,", b'"",'])
def test_millions_of_small_values_cost_neither_time_nor_memory(value: bytes) -> None:
    body = b'{"images":[' + value * 2_000_000 + b"0]}"
    tracemalloc.start()
    with pytest.raises(MalformedRequest):
        read_json_images(body, 32, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_a_large_image_of_base64_is_no_structure() -> None:
    content = bytes(range(256)) * 4000
    assert base64_text(content).count("/") > 10_000
    assert read_json_image(json_image(content), 32).data == content
