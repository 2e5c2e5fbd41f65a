"""Broken and cut files: a named error or an image, never another error, never half an image."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from models.decode import Limits, OpenImage
from models.errors import ImageError, UndecodableImage
from models.manifest import InputSpec
from models.preprocess import load_pixels
from tests.support.images import encode, exif, gradient, photo, samples

SAMPLES = samples() | {
    "PNG with EXIF": encode(gradient(), "PNG", exif=exif(6)),
    "PNG animated": encode(gradient(), "PNG", save_all=True, append_images=[photo(size=(32, 24))]),
    "PNG 1 bit": encode(gradient().convert("1"), "PNG"),
    "JPEG with EXIF": encode(gradient(), "JPEG", exif=exif(6)),
    "JPEG stereo": encode(gradient(), "MPO", save_all=True, append_images=[photo(size=(32, 24))]),
    "WebP animated": encode(gradient(), "WEBP", save_all=True, append_images=[photo(size=(32, 24))]),
    "WebP with EXIF": encode(gradient(), "WEBP", exif=exif(6)),
    "BMP palette": encode(gradient().quantize(16), "BMP"),
}
SPECS = [
    InputSpec(height=8, width=8),
    InputSpec(height=5, width=9, resize="crop", colour="grey"),
    InputSpec(height=40, width=9, resize="pad", filter="lanczos"),
]
MUTATIONS = 300
CUTS = 60


def outcome(data: bytes, spec: InputSpec) -> str:
    """The name of the error, or "pixels"; anything but an ImageError fails the test."""
    try:
        pixels = load_pixels(data, spec)
    except ImageError as error:
        return type(error).__name__
    assert pixels.shape == spec.shape
    assert pixels.dtype == np.uint8
    return "pixels"


def mutations(data: bytes, seed: str) -> Iterator[bytes]:
    """Copies of ``data`` with bytes changed, taken out, repeated; more often near the start, where the headers are."""
    source = random.Random(seed)  # noqa: S311 - must repeat, not be secret
    for _ in range(MUTATIONS):
        damaged = bytearray(data)
        for _ in range(source.choice((1, 1, 1, 2, 5, 20))):
            at = source.randrange(source.choice((min(64, len(damaged)), len(damaged))))
            match source.randrange(5):
                case 0:
                    damaged[at] ^= 1 << source.randrange(8)
                case 1:
                    damaged[at] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
                case 2:
                    del damaged[at : at + source.randrange(1, 9)]
                case 3:
                    damaged[at:at] = damaged[at : at + source.randrange(1, 9)]
                case _:
                    damaged[at : at + 4] = source.randbytes(4)
            damaged = damaged or bytearray(1)
        yield bytes(damaged)


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_files_give_an_image_error_or_pixels(name: str) -> None:
    seen = {outcome(data, SPECS[i % len(SPECS)]) for i, data in enumerate(mutations(SAMPLES[name], name))}
    assert "UndecodableImage" in seen


@pytest.mark.parametrize("name", SAMPLES)
def test_files_cut_short_give_an_image_error(name: str) -> None:
    """All but those that miss only what stands behind the pixels of the first frame: these lose nothing."""
    data = SAMPLES[name]
    whole = load_pixels(data, SPECS[0])
    for end in sorted({*range(1, 50), *range(50, len(data), max(1, len(data) // CUTS))}):
        try:
            pixels = load_pixels(data[:end], SPECS[0])
        except ImageError:
            continue
        assert np.array_equal(pixels, whole), f"{end} of {len(data)} bytes gave another image"


@pytest.mark.parametrize("name", ["JPEG", "JPEG progressive", "PNG", "WebP", "WebP lossless", "BMP"])
def test_a_file_without_its_second_half_is_undecodable(name: str) -> None:
    data = SAMPLES[name]
    with pytest.raises(UndecodableImage, match="broken or cut short"):
        load_pixels(data[: len(data) // 2], SPECS[0])


@pytest.mark.parametrize("name", SAMPLES)
def test_what_follows_an_image_is_ignored(name: str) -> None:
    pixels = load_pixels(SAMPLES[name] + b"<?php and other stowaways" * 9, SPECS[0])
    assert np.array_equal(pixels, load_pixels(SAMPLES[name], SPECS[0]))


def test_a_broken_file_gives_the_same_error_every_time() -> None:
    """Nothing that one image breaks is kept for the next."""
    broken, sound = SAMPLES["PNG"][:-30], SAMPLES["PNG"]
    for _ in range(3):
        assert outcome(broken, SPECS[0]) == "UndecodableImage"
        assert outcome(sound, SPECS[0]) == "pixels"


def test_running_out_of_memory_is_not_blamed_on_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    image = OpenImage(SAMPLES["PNG"], Limits())
    monkeypatch.setattr(PngImageFile, "load", exhausted)
    with pytest.raises(MemoryError):
        image.decode("rgb")
    monkeypatch.setattr(Image, "open", exhausted)
    with pytest.raises(MemoryError):
        OpenImage(SAMPLES["PNG"], Limits())


def test_threads_do_not_disturb_each_other() -> None:
    """The service decodes in several threads; sound and broken images at once must give what they give alone."""
    broken = {f"broken {name}": data[: len(data) // 2] for name, data in SAMPLES.items()}
    images = list((SAMPLES | broken).values()) * 4
    alone = [shown(data) for data in images]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(shown, images)) == alone


def shown(data: bytes) -> bytes:
    try:
        return load_pixels(data, SPECS[0]).tobytes()
    except ImageError as error:
        return str(error).encode()
