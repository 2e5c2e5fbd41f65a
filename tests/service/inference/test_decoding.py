import asyncio
import threading

import pytest

from models.decode import OpenImage
from models.errors import UnsupportedFormat
from models.manifest import InputSpec
from service.inference import decoding
from service.inference.decoding import Decoders
from service.settings import Settings
from service.uploads.upload import Upload
from tests.support.images import encode, gradient, solid

SPEC = InputSpec(height=4, width=4)
MANY = 12
SIDE = 160  # smaller ones are decoded without a thread


@pytest.fixture
def at_once(monkeypatch):
    """How many images were inside preprocessing at the same time, at most."""
    inside, most, lock, original = [0], [0], threading.Lock(), decoding.preprocess

    def counted(image: OpenImage, spec: InputSpec) -> object:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        threading.Event().wait(0.02)
        try:
            return original(image, spec)
        finally:
            with lock:
                inside[0] -= 1

    monkeypatch.setattr(decoding, "preprocess", counted)
    return most


async def decode_many(limit: int) -> None:
    decoders = Decoders(Settings(decode_threads=4, max_decoding_bytes=limit))
    try:
        upload = Upload(None, encode(gradient((SIDE, SIDE)), "PNG"))
        decoded = await asyncio.gather(*(decoders.decode(upload, SPEC) for _ in range(MANY)))
        assert [(info.width, info.height, pixels.shape) for info, pixels in decoded] == [(SIDE, SIDE, (4, 4, 3))] * MANY
    finally:
        decoders.close()


@pytest.mark.parametrize(("images_that_fit", "expected"), [(100, 4), (2, 2), (0, 1)])
async def test_what_is_decoded_at_once_fits_the_memory(at_once, images_that_fit, expected):
    await decode_many(max(1, images_that_fit * SIDE * SIDE * 9))
    assert at_once[0] == expected


async def test_a_refused_image_holds_no_memory(at_once):
    decoders = Decoders(Settings(decode_threads=2, max_decoding_bytes=1))
    try:
        for _ in range(3):
            with pytest.raises(UnsupportedFormat):
                await decoders.decode(Upload(None, b"not an image"), SPEC)
        await decoders.decode(Upload(None, encode(gradient(), "PNG")), SPEC)
    finally:
        decoders.close()
    assert at_once[0] == 1


@pytest.mark.parametrize("side", [32, SIDE])
def test_small_images_need_no_thread(side: int) -> None:
    decoders = Decoders(Settings(decode_threads=1))
    upload = Upload(None, encode(gradient((side, side)), "PNG"))
    found = decoders.decode_small(upload, SPEC)
    assert found is None if side == SIDE else found is not None and found[0].width == side


def test_a_small_file_that_claims_many_pixels_goes_to_a_thread(at_once):
    upload = Upload(None, encode(solid("red", (2000, 2000)), "PNG"))
    assert Decoders(Settings(decode_threads=1)).decode_small(upload, SPEC) is None
    assert at_once[0] == 0
