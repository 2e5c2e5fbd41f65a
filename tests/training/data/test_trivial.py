from collections import Counter
from collections.abc import Callable

import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from tests.training.data.support import as_batch, levels_apart, photos
from training.data.trivial import CHANGES, trivial

Reference = Callable[[Image.Image], Image.Image]


def strengths(value: float) -> torch.Tensor:
    return torch.full((4,), value)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    ("name", "strength", "reference"),
    [
        ("identity", 1.0, lambda image: image),
        ("auto contrast", 1.0, ImageOps.autocontrast),
        ("equalize", 1.0, ImageOps.equalize),
        ("posterize", 0.0, lambda image: ImageOps.posterize(image, 8)),
        ("posterize", -0.5, lambda image: ImageOps.posterize(image, 5)),
        ("posterize", 1.0, lambda image: ImageOps.posterize(image, 2)),
        ("solarize", 0.0, lambda image: image),
        ("solarize", 0.5, lambda image: ImageOps.solarize(image, 128)),
        ("solarize", -1.0, ImageOps.invert),
        ("colour", -1.0, lambda image: ImageEnhance.Color(image).enhance(0.01)),
        ("contrast", 0.5, lambda image: ImageEnhance.Contrast(image).enhance(1.495)),
        ("brightness", 1.0, lambda image: ImageEnhance.Brightness(image).enhance(1.99)),
        ("sharpness", 1.0, lambda image: ImageEnhance.Sharpness(image).enhance(1.99)),
        ("sharpness", -1.0, lambda image: ImageEnhance.Sharpness(image).enhance(0.01)),
    ],
)
def test_light_and_colour_change_as_in_the_papers_pillow(
    name: str, strength: float, reference: Reference, mode: str
) -> None:
    originals = photos(mode=mode)
    changed = CHANGES[name](as_batch(originals), strengths(strength))
    assert levels_apart(changed, [reference(image) for image in originals]) < 2


@pytest.mark.parametrize(("side", "pixels"), [(40, 20), (100, 32)])
def test_moves_go_32_pixels_far_or_half_the_side(side: int, pixels: int) -> None:
    images = as_batch(photos(side, side))
    across = CHANGES["translate across"](images, strengths(1))
    assert torch.allclose(across[..., pixels:], images[..., :-pixels], atol=1e-5)
    down = CHANGES["translate down"](images, strengths(-1))
    assert torch.allclose(down[..., :-pixels, :], images[..., pixels:, :], atol=1e-5)


def test_rotation_goes_to_135_degrees_and_shear_to_almost_45() -> None:
    images = as_batch(photos(41, 41))
    turned = CHANGES["rotate"](images, strengths(2 / 3))
    assert torch.allclose(turned, images.rot90(-1, (2, 3)), atol=1e-4)
    for name, shift in (("shear across", (0, 10)), ("shear down", (10, 0))):
        sheared = CHANGES[name](images, strengths(1))
        place = (20 + shift[1], 20 + shift[0])  # 10 from the middle, so moved by 9.9
        source = (place[0] + shift[0], place[1] + shift[1])
        assert torch.allclose(sheared[..., *place], images[..., *source], atol=0.1)


def test_a_flat_channel_stays_what_it_is() -> None:
    images = as_batch(photos())
    images[:, 1] = 0.7
    stretched = CHANGES["auto contrast"](images, strengths(1))
    assert torch.equal(stretched[:, 1], images[:, 1])
    assert stretched[:, 0].amax((1, 2)).min() > 0.999


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_image_gets_a_change_of_its_own(mode: str) -> None:
    torch.manual_seed(0)
    original = as_batch(photos(24, 24, mode)[1:2]).repeat(700, 1, 1, 1)
    changed = trivial(original)
    assert changed.shape == original.shape
    assert changed.dtype == torch.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    counts = Counter(image.numpy().tobytes() for image in changed)
    # 12 kinds have 31 strengths of which a few coincide, 2 have one and one changes nothing.
    assert len(counts) > 150
    unchanged = counts[original[0].contiguous().numpy().tobytes()]
    assert 30 < unchanged < 180
    assert counts.most_common(1)[0][1] < 180


def test_strengths_go_to_both_sides() -> None:
    torch.manual_seed(0)
    levels = trivial(torch.full((700, 3, 4, 4), 0.5)).mean((1, 2, 3))
    # Only brightness goes that far from the middle, down and up.
    assert levels.min() < 0.1
    assert levels.max() > 0.9


def test_the_batch_that_came_in_is_not_touched() -> None:
    images = as_batch(photos())
    before = images.clone()
    trivial(images)
    assert torch.equal(images, before)
