import base64
import io

import numpy as np
import pytest
from PIL import Image

from training.report.thumbnails import thumbnail


def opened(uri: str) -> Image.Image:
    head, _, data = uri.partition(",")
    assert head == "data:image/webp;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    image.load()
    return image


def noise(height: int, width: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_few_pixels_come_back_as_they_are(channels: int) -> None:
    pixels = noise(28, 20, channels)
    assert (np.asarray(opened(thumbnail(pixels))) == np.broadcast_to(pixels, (28, 20, 3))).all()


def test_many_pixels_become_fewer_and_keep_their_aspect() -> None:
    assert opened(thumbnail(noise(300, 150, 3))).size == (64, 128)


@pytest.mark.parametrize("side", [40, 41, 128, 500])
def test_none_is_large_whatever_it_shows(side: int) -> None:
    assert len(thumbnail(noise(side, side, 3))) < 8_400
