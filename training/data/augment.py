"""Random changes of training batches, on the device that trains.

Shifts and mirrors move whole pixels, so they cost an index and lose nothing; rotation, shear, zoom and crop are one
resampling together. The operations are kornia's, which needs no compiled extension; torchvision's fails to load beside
torch's CPU build. What is drawn for them is drawn here, so that the seed of the epoch decides it all.
"""

import torch
from torch import Tensor

from training.data.colour import jitter
from training.data.draws import on_device
from training.data.trivial import trivial
from training.data.warp import random_affine, warp
from training.settings import AugmentSettings


class Augment:
    """Changes batches as ``settings`` say; ``flipped`` bool ``[images]`` says which begin mirrored (alternating)."""

    def __init__(self, settings: AugmentSettings, flipped: Tensor) -> None:
        self.settings = settings
        self.flipped = flipped

    def __call__(self, pixels: Tensor, rows: Tensor, epoch: int) -> Tensor:
        """Return float ``[N, channels, height, width]`` in 0..1, channels last, for uint8 NHWC ``pixels``.

        ``rows`` int64 ``[N]`` are the places of the images in the training split.
        """
        chosen = self.settings
        if chosen.flip != "none" or chosen.translate:
            mirror = on_device(self._mirror(rows, epoch), pixels.device)
            pixels = shift(pixels, mirror, chosen.translate)
        images = to_unit(pixels)
        if chosen.rotate or chosen.shear or chosen.zoom or chosen.crop < 1:
            images = warp(images, random_affine(images.shape, chosen))
        if chosen.policy == "trivial":
            images = trivial(images)
        images = cutout(jitter(images, chosen), chosen.cutout)
        return images.contiguous(memory_format=torch.channels_last)

    def _mirror(self, rows: Tensor, epoch: int) -> Tensor:
        match self.settings.flip:
            case "none":
                return torch.zeros(len(rows), dtype=torch.bool)
            case "random":
                return torch.rand(len(rows)) < 0.5
            case "alternating":
                return self.flipped[rows] ^ (epoch % 2 == 1)


def to_unit(pixels: Tensor) -> Tensor:
    """Float ``[N, channels, height, width]`` in 0..1, channels last in memory, for uint8 NHWC."""
    return pixels.permute(0, 3, 1, 2).float() / 255


def shift(pixels: Tensor, mirror: Tensor, reach: int) -> Tensor:
    """Mirror where ``mirror`` says and move each image by up to ``reach`` pixels; both keep NHWC.

    What comes from outside is the image reflected at its edge.
    """
    count, height, width, _ = pixels.shape
    across, down = on_device(torch.randint(-reach, reach + 1, (2, count, 1)), pixels.device)
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
    down = on_device(torch.randint(0, height, (count, 1)), images.device) - side // 2
    across = on_device(torch.randint(0, width, (count, 1)), images.device) - side // 2
    rows = torch.arange(height, device=images.device) - down
    columns = torch.arange(width, device=images.device) - across
    inside = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :]
    return torch.where(inside[:, None], images.mean((2, 3), keepdim=True), images)


def _reflect(places: Tensor, size: int) -> Tensor:
    """Bring places below 0 and from ``size`` on back inside, the edge itself not repeated."""
    places = places.abs()
    return torch.where(places >= size, 2 * (size - 1) - places, places)
