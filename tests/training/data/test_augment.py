import numpy as np
import pytest
import torch

from training.data.augment import Augment, cutout, shift, to_unit
from training.seed import seed_everything
from training.settings import AugmentSettings

ROWS = torch.arange(6)


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


def test_turning_changes_the_image_and_keeps_its_shape_and_range() -> None:
    picture = pictures(8, 8).repeat(50, 1, 1, 1)
    seed_everything(0)
    turned = augment(rotate=90)(picture, torch.zeros(300, dtype=torch.int64), 0)
    assert turned.shape == (300, 3, 8, 8)
    assert turned.min() >= 0
    assert turned.max() <= 1
    assert (turned - to_unit(picture)).abs().mean() > 0.05


@pytest.mark.parametrize(("height", "width"), [(16, 16), (12, 20)])
def test_zoom_and_rotation_keep_a_disc_round_at_any_aspect(height: int, width: int) -> None:
    down, across = np.mgrid[:height, :width]
    disc = (down - (height - 1) / 2) ** 2 + (across - (width - 1) / 2) ** 2 < 16
    picture = torch.from_numpy((disc[None, :, :, None] * 255).astype(np.uint8)).repeat(20, 1, 1, 1)
    seed_everything(2)
    turned = augment(rotate=180)(picture, torch.zeros(20, dtype=torch.int64), 0)
    rows, columns = slice(height // 2 - 5, height // 2 + 5), slice(width // 2 - 5, width // 2 + 5)
    assert (turned - to_unit(picture))[..., rows, columns].abs().mean() < 0.06


def test_light_changes_stay_in_range_and_brightness_is_one_number_an_image() -> None:
    seed_everything(3)
    plain = torch.full((6, 4, 4, 3), 128, dtype=torch.uint8)
    images = augment(brightness=0.3, contrast=0.5)(plain, ROWS, 0)
    spread = images.flatten(1).max(1).values - images.flatten(1).min(1).values
    assert spread.max() < 1e-6  # a flat image has no contrast to change
    lifts = images[:, 0, 0, 0] - 128 / 255
    assert lifts.abs().max() <= 0.3 + 1e-6
    assert lifts.std() > 0.02


def test_cutout_covers_a_square_with_the_mean() -> None:
    seed_everything(4)
    images = to_unit(pictures())
    covered = cutout(images, 4)
    changed = (covered != images).any(1)
    assert (changed.flatten(1).sum(1) <= 16).all()
    assert changed.any(dim=(1, 2)).all()
    place = changed[0].nonzero()[0]
    assert torch.allclose(covered[0, :, place[0], place[1]], images[0].mean((1, 2)))


def test_the_seed_of_the_epoch_decides() -> None:
    change = augment(flip="random", translate=2, rotate=10, brightness=0.1, cutout=3)
    results = []
    for _ in range(2):
        seed_everything(5, "epoch", 1)
        results.append(change(pictures(), ROWS, 1))
    assert torch.equal(*results)
