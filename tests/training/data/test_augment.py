import random

import numpy as np
import pytest
import torch

from tests.training.data.support import as_pixels, photos
from training.data.augment import Augment, cutout, shift, to_unit
from training.seed import seed_everything
from training.settings import AugmentSettings

ROWS = torch.arange(6)
KEYS: dict[str, object] = {
    "flip": "random",
    "translate": 3,
    "crop": 0.4,
    "rotate": 30.0,
    "shear": 15.0,
    "zoom": 0.3,
    "brightness": 0.3,
    "contrast": 0.5,
    "saturation": 0.8,
    "hue": 0.2,
    "policy": "trivial",
    "cutout": 5,
}
# A recipe that asks for colours of grey images is refused.
CASES = [(key, mode) for key in KEYS for mode in ("RGB", "L") if mode == "RGB" or key not in ("saturation", "hue")]


def pictures(height: int = 9, width: int = 12) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (6, height, width, 3), dtype=np.uint8))


def augment(**settings: object) -> Augment:
    return Augment(AugmentSettings.model_validate(settings), torch.tensor([True, False] * 3))


def test_nothing_asked_nothing_changed() -> None:
    images = augment()(pictures(), ROWS, 0)
    assert torch.equal(images, to_unit(pictures()))
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_alternating_flips_half_and_the_other_half_next_time() -> None:
    plain, mirrored = to_unit(pictures()), to_unit(pictures()).flip(3)
    change = augment(flip="alternating")
    for epoch in (0, 1, 2):
        images = change(pictures(), ROWS, epoch)
        for row in range(6):
            wanted = mirrored if (row + epoch) % 2 == 0 else plain
            assert torch.equal(images[row], wanted[row])


def test_alternating_follows_the_image_not_its_place_in_the_batch() -> None:
    change = augment(flip="alternating")
    order = torch.tensor([5, 0, 3, 1, 4, 2])
    assert torch.equal(change(pictures()[order], order, 0), change(pictures(), ROWS, 0)[order])


def test_random_flips_both_ways() -> None:
    seed_everything(0)
    image = pictures()[:1].repeat(64, 1, 1, 1)
    images = augment(flip="random")(image, torch.zeros(64, dtype=torch.int64), 0)
    mirrored = (images == images[0]).flatten(1).all(1)
    assert 10 < mirrored.sum() < 54


def test_a_shift_is_a_window_of_the_reflected_image() -> None:
    seed_everything(1)
    picture = pictures()[:1]
    padded = np.pad(picture[0].numpy(), ((2, 2), (2, 2), (0, 0)), mode="reflect")
    windows = {padded[y : y + 9, x : x + 12].tobytes() for y in range(5) for x in range(5)}
    shifted = shift(picture.repeat(200, 1, 1, 1), torch.zeros(200, dtype=torch.bool), 2)
    seen = {image.numpy().tobytes() for image in shifted}
    assert seen == windows  # all 25 places, and nothing else


@pytest.mark.parametrize(("key", "mode"), CASES)
def test_each_key_changes_photographs_and_keeps_shape_range_and_layout(key: str, mode: str) -> None:
    pixels = as_pixels(photos(mode=mode)).repeat(5, 1, 1, 1)
    before = pixels.clone()
    seed_everything(0)
    images = augment(**{key: KEYS[key]})(pixels, torch.zeros(20, dtype=torch.int64), 0)
    assert torch.equal(pixels, before)
    assert images.shape == (20, len(mode), 40, 48)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert images.min() >= 0
    assert images.max() <= 1
    changed = (images - to_unit(pixels)).abs().mean((1, 2, 3)) > 1e-4
    assert changed.sum() >= 8
    # Every fourth shows the same photograph: what is drawn is drawn for each anew.
    assert len({image.numpy().tobytes() for image in images[::4]}) > 1


def test_images_stay_in_their_places_so_that_labels_still_fit() -> None:
    seed_everything(0)
    pixels = as_pixels(photos()).repeat(10, 1, 1, 1)
    change = augment(translate=1, crop=0.9, rotate=5, brightness=0.1, saturation=0.2, cutout=8)
    images = change(pixels, torch.zeros(40, dtype=torch.int64), 0)
    apart = torch.cdist(images.flatten(1), to_unit(pixels[:4]).flatten(1))
    assert torch.equal(apart.argmin(1), torch.arange(40) % 4)


def test_cutout_covers_a_square_with_the_mean() -> None:
    seed_everything(4)
    images = to_unit(pictures())
    covered = cutout(images, 4)
    changed = (covered != images).any(1)
    assert (changed.flatten(1).sum(1) <= 16).all()
    assert changed.any(dim=(1, 2)).all()
    place = changed[0].nonzero()[0]
    assert torch.allclose(covered[0, :, place[0], place[1]], images[0].mean((1, 2)))


def test_torchs_seed_alone_decides() -> None:
    change = augment(**KEYS)
    results = []
    for other in range(2):
        random.seed(other)
        np.random.seed(other)
        torch.manual_seed(5)
        results.append(change(pictures(), ROWS, 1))
    assert torch.equal(*results)
    assert not torch.equal(change(pictures(), ROWS, 1), results[0])
