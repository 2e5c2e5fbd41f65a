"""Random changes of training batches, on the device that trains.

Shifts and mirrors move whole pixels, so they cost an index and lose nothing; rotation, shear and zoom are one
resampling together. All random numbers come from torch's CPU generator, which the loop seeds for each epoch.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from training.settings import AugmentSettings


class Augment:
    """Changes batches as ``settings`` say; ``flipped`` bool ``[images]`` says which begin mirrored (alternating)."""

    def __init__(self, settings: AugmentSettings, flipped: Tensor) -> None:
        self.settings = settings
        self.flipped = flipped

    def __call__(self, pixels: Tensor, rows: Tensor, epoch: int) -> Tensor:
        """Return float ``[N, channels, height, width]`` in 0..1 for uint8 ``[N, height, width, channels]``.

        ``rows`` int64 ``[N]`` are the places of the images in the training split.
        """
        mirror = self._mirror(rows, epoch)
        pixels = shift(pixels, mirror.to(pixels.device), self.settings.translate)
        images = to_unit(pixels)
        images = self._warp(images)
        images = self._relight(images)
        return cutout(images, self.settings.cutout)

    def _mirror(self, rows: Tensor, epoch: int) -> Tensor:
        match self.settings.flip:
            case "none":
                return torch.zeros(len(rows), dtype=torch.bool)
            case "random":
                return torch.rand(len(rows)) < 0.5
            case "alternating":
                return self.flipped[rows] ^ (epoch % 2 == 1)

    def _warp(self, images: Tensor) -> Tensor:
        """Rotate, shear and zoom about the centre; what comes from outside is the image mirrored at its edge."""
        chosen = self.settings
        if not (chosen.rotate or chosen.shear or chosen.zoom):
            return images
        count, _, height, width = images.shape
        angle = _uniform(count, math.radians(chosen.rotate))
        slant = torch.tan(_uniform(count, math.radians(chosen.shear)))
        size = 1 / (1 + _uniform(count, chosen.zoom))
        cos, sin, aspect = torch.cos(angle) * size, torch.sin(angle) * size, height / width
        zero = torch.zeros(count)
        # The grid runs from -1 to 1 along both sides, so that turning must allow for their ratio.
        top = torch.stack([cos, (cos * slant - sin) * aspect, zero], 1)
        bottom = torch.stack([sin / aspect, sin * slant + cos, zero], 1)
        theta = torch.stack([top, bottom], 1).to(images.device)
        grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, "bilinear", "reflection", align_corners=False)

    def _relight(self, images: Tensor) -> Tensor:
        chosen = self.settings
        if not (chosen.brightness or chosen.contrast):
            return images
        count = len(images)
        gain = (1 + _uniform(count, chosen.contrast)).view(-1, 1, 1, 1).to(images.device)
        lift = _uniform(count, chosen.brightness).view(-1, 1, 1, 1).to(images.device)
        middle = images.mean((1, 2, 3), keepdim=True)
        return ((images - middle) * gain + middle + lift).clamp(0, 1)


def to_unit(pixels: Tensor) -> Tensor:
    """Float ``[N, channels, height, width]`` in 0..1, channels last in memory, for uint8 NHWC."""
    return pixels.permute(0, 3, 1, 2).float() / 255


def shift(pixels: Tensor, mirror: Tensor, reach: int) -> Tensor:
    """Mirror where ``mirror`` says and move each image by up to ``reach`` pixels; both keep NHWC.

    What comes from outside is the image reflected at its edge.
    """
    count, height, width, _ = pixels.shape
    across, down = torch.randint(-reach, reach + 1, (2, count, 1), device="cpu").to(pixels.device)
    rows = _reflect(torch.arange(height, device=pixels.device) + down, height)
    columns = _reflect(torch.arange(width, device=pixels.device) + across, width)
    columns = torch.where(mirror[:, None], columns.flip(1), columns)
    image = torch.arange(count, device=pixels.device)[:, None, None]
    return pixels[image, rows[:, :, None], columns[:, None, :]]


def cutout(images: Tensor, side: int) -> Tensor:
    """Cover a square of ``side`` pixels at a random place, in part perhaps outside, with the image's mean."""
    if not side:
        return images
    count, _, height, width = images.shape
    down = torch.randint(0, height, (count, 1)).to(images.device) - side // 2
    across = torch.randint(0, width, (count, 1)).to(images.device) - side // 2
    rows = torch.arange(height, device=images.device) - down
    columns = torch.arange(width, device=images.device) - across
    inside = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :]
    return torch.where(inside[:, None], images.mean((2, 3), keepdim=True), images)


def _reflect(places: Tensor, size: int) -> Tensor:
    """Bring places below 0 and from ``size`` on back inside, the edge itself not repeated."""
    places = places.abs()
    return torch.where(places >= size, 2 * (size - 1) - places, places)


def _uniform(count: int, reach: float) -> Tensor:
    return (2 * torch.rand(count) - 1) * reach
