import math

import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.training.data.support import as_batch, photos
from training.data.warp import affine, random_affine, random_crop, warp
from training.settings import AugmentSettings


def each(value: float) -> Tensor:
    return torch.full((4,), float(value))


def inside(images: Tensor, margin: int = 12) -> Tensor:
    """The middle, where Pillow's black corners do not reach."""
    return images[..., margin:-margin, margin:-margin]


def mean_levels_apart(batch: Tensor, images: list[Image.Image]) -> float:
    return (inside(batch) - inside(as_batch(images))).abs().mean().item() * 255


def test_no_change_is_none() -> None:
    images = as_batch(photos())
    assert torch.allclose(warp(images, affine(images.shape)), images, atol=1e-5)


@pytest.mark.parametrize(("degrees", "quarters"), [(90, -1), (180, 2), (-90, 1)])
def test_turns_by_right_angles_lose_nothing(degrees: float, quarters: int) -> None:
    images = as_batch(photos(40, 40))
    turned = warp(images, affine(images.shape, angle=each(degrees)))
    assert torch.allclose(turned, images.rot90(quarters, (2, 3)), atol=1e-5)


@pytest.mark.parametrize("degrees", [10, -35])
def test_a_rotation_is_pillows(degrees: float) -> None:
    originals = photos()
    turned = warp(as_batch(originals), affine(as_batch(originals).shape, angle=each(degrees)))
    wanted = [image.rotate(-degrees, Image.Resampling.BILINEAR) for image in originals]
    assert mean_levels_apart(turned, wanted) < 0.6
    other = [image.rotate(-degrees - 2, Image.Resampling.BILINEAR) for image in originals]
    assert mean_levels_apart(turned, other) > 1.5


def test_shear_across_moves_rows_and_shear_down_columns() -> None:
    images = as_batch(photos(41, 41))  # the row in the middle is the 21st
    diagonal = each(45)  # one pixel for each pixel from the middle
    across = warp(images, affine(images.shape, slant=diagonal))
    down = warp(images, affine(images.shape, slope=diagonal))
    for away in (-5, 0, 8):
        row, moved = images[:, :, 20 + away], across[:, :, 20 + away]
        assert torch.allclose(moved[..., 10:30], row[..., 10 + away : 30 + away], atol=1e-5)
        column, moved = images[..., 20 + away], down[..., 20 + away]
        assert torch.allclose(moved[..., 10:30], column[..., 10 + away : 30 + away], atol=1e-5)


def test_a_move_is_in_pixels_and_brings_in_the_reflection() -> None:
    images = as_batch(photos())
    moved = warp(images, affine(images.shape, move=torch.tensor([[5.0, -3.0]]).repeat(4, 1)))
    assert torch.allclose(moved[..., :-3, 5:], images[..., 3:, :-5], atol=1e-5)
    assert torch.allclose(moved[..., :-3, :5], images[..., 3:, :5].flip(3), atol=1e-5)


def test_a_zoom_enlarges_about_the_centre() -> None:
    originals = photos()
    images = as_batch(originals)
    zoomed = warp(images, affine(images.shape, scale=torch.full((4, 2), 2.0)))
    box = (12, 10, 36, 30)  # the middle half of 48 x 40
    wanted = [image.resize(image.size, Image.Resampling.BILINEAR, box) for image in originals]
    assert mean_levels_apart(zoomed, wanted) < 0.6


def corners(matrices: Tensor, width: int, height: int) -> Tensor:
    """Left, top, right and bottom of what a crop enlarges, float ``[N, 4]``, from edge to edge."""
    ends = torch.tensor([[-0.5, width - 0.5], [-0.5, height - 0.5], [1.0, 1.0]])
    places = torch.linalg.inv(matrices) @ ends
    return places[:, :2].transpose(1, 2).flatten(1)


@pytest.mark.parametrize("share", [0.08, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(("width", "height"), [(32, 32), (60, 40)])
def test_a_crop_keeps_its_share_its_aspect_and_to_the_image(share: float, width: int, height: int) -> None:
    torch.manual_seed(0)
    left, top, right, bottom = corners(random_crop(torch.Size((500, 3, height, width)), share), width, height).T
    assert min(left.min(), top.min()) > -0.501
    assert right.max() < width - 0.499
    assert bottom.max() < height - 0.499
    across, down = (right - left) / width, (bottom - top) / height
    area, aspect = across * down, across / down
    assert area.min() > share - 1e-3
    assert area.min() < share + 0.02  # small parts do come
    assert area.max() > 0.99
    assert (aspect.log().abs() < math.log(4 / 3) + 1e-3).all()
    assert (aspect.log().std() > 0.1) == (share < 0.9)


def test_crops_come_from_everywhere() -> None:
    torch.manual_seed(0)
    left, top, right, bottom = corners(random_crop(torch.Size((500, 3, 32, 32)), 0.25), 32, 32).T
    middle = torch.stack([left + right, top + bottom]) / 2
    assert (middle.mean(1) - 15.5).abs().max() < 0.5
    assert middle.std(1).min() > 2
    assert torch.corrcoef(middle)[0, 1].abs() < 0.15


def test_each_image_is_changed_in_its_own_way_within_the_bounds() -> None:
    torch.manual_seed(0)
    settings = AugmentSettings(rotate=20, zoom=0.3)
    matrices = random_affine(torch.Size((500, 3, 32, 32)), settings)
    angle = torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]).rad2deg()
    size = torch.linalg.det(matrices).sqrt()
    assert 19 < angle.abs().max() < 20.01
    assert angle.mean().abs() < 2
    assert 0.69 < size.min() < 0.72
    assert 1.28 < size.max() < 1.31


def test_shear_is_across_and_within_its_bounds() -> None:
    torch.manual_seed(0)
    matrices = random_affine(torch.Size((500, 3, 32, 32)), AugmentSettings(shear=20))
    slant = -matrices[:, 0, 1].atan().rad2deg()
    assert -20.01 < slant.min() < -19
    assert 19 < slant.max() < 20.01
    assert torch.allclose(matrices[:, 1], torch.tensor([0.0, 1.0, 0.0]).expand(500, 3), atol=1e-5)


def test_white_stays_white_so_that_no_black_corners_come_in() -> None:
    torch.manual_seed(0)
    white = torch.ones(50, 1, 45, 77)
    settings = AugmentSettings(rotate=180, shear=30, zoom=0.5, crop=0.1)
    changed = warp(white, random_affine(white.shape, settings))
    assert changed.max() <= 1
    assert changed.min() > 1 - 1e-6
