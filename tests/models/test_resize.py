"""Resizing in SIMD instructions gives what Pillow gives, but for the rounding."""

import random

import numpy as np
import pytest
from PIL import Image

from models import resize as module
from models.resize import resize
from tests.support.images import photo

needs_simd = pytest.mark.skipif(module.simd is None, reason="cykooz.resizer has no wheel for this machine")
FILTERS = ("nearest", "bilinear", "bicubic", "lanczos")
# How far the rounding takes two passes of 8 bits: weights that are negative add up to more than 1.
_MOST = {"nearest": 0, "bilinear": 1, "bicubic": 2, "lanczos": 3}


def by_pillow(
    image: Image.Image, box: tuple[float, float, float, float], size: tuple[int, int], name: str
) -> np.ndarray:
    return np.asarray(image.resize(size, Image.Resampling[name.upper()], box=box)).astype(int)


@needs_simd
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_any_part_of_a_photograph_in_any_size(name: str, mode: str) -> None:
    chance = random.Random(f"{name} {mode}")  # noqa: S311 - a test
    whole = photo().convert(mode)
    for _ in range(60):
        image = whole.resize((chance.randint(1, 500), chance.randint(1, 400)))
        left, top = chance.uniform(0, image.width - 1), chance.uniform(0, image.height - 1)
        box = (left, top, chance.uniform(left + 0.5, image.width), chance.uniform(top + 0.5, image.height))
        size = (chance.randint(1, 300), chance.randint(1, 300))
        ours = resize(image, box, size, name)
        assert (ours.mode, ours.size) == (mode, size)
        difference = np.abs(np.asarray(ours).astype(int) - by_pillow(image, box, size, name))
        assert difference.max() <= _MOST[name], (image.size, box, size)


@needs_simd
def test_a_box_that_ends_where_the_image_does_is_inside_whatever_the_rounding() -> None:
    chance = random.Random(1)  # noqa: S311 - a test
    for _ in range(3000):
        image = Image.new("L", (chance.randint(1, 3000), chance.randint(1, 30)), 77)
        box = (chance.uniform(0, image.width * 0.99), chance.uniform(0, image.height * 0.99), *map(float, image.size))
        assert resize(image, box, (2, 2), "bilinear").getextrema() == (77, 77)


@pytest.mark.parametrize("name", FILTERS)
def test_without_the_library_it_is_pillow(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(module, "simd", None)
    image, box = photo(), (1.5, 2.0, 300.0, 200.5)
    assert (np.asarray(resize(image, box, (64, 48), name)) == by_pillow(image, box, (64, 48), name)).all()


def test_what_would_hold_the_lock_for_long_is_pillow_too() -> None:
    image = photo().resize((2001, 2000))
    box = (0.0, 0.0, 2001.0, 2000.0)
    assert (np.asarray(resize(image, box, (50, 50), "bicubic")) == by_pillow(image, box, (50, 50), "bicubic")).all()


def test_what_it_was_given_is_left_as_it_is() -> None:
    image = photo()
    before = image.tobytes()
    resize(image, (0.0, 0.0, 100.0, 100.0), (30, 30), "bilinear")
    assert (image.tobytes(), image.mode) == (before, "RGB")
