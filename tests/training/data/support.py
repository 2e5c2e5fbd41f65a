"""Batches of real photographs."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tests.support.images import PHOTOS, photo


def photos(width: int = 48, height: int = 40, mode: str = "RGB") -> list[Image.Image]:
    """The four photographs in this size."""
    return [photo(name, (width, height)).convert(mode) for name in PHOTOS]


def as_pixels(images: list[Image.Image]) -> Tensor:
    """uint8 ``[N, height, width, channels]``."""
    return torch.from_numpy(np.stack([np.asarray(image).reshape(image.height, image.width, -1) for image in images]))


def as_batch(images: list[Image.Image]) -> Tensor:
    """Float ``[N, channels, height, width]`` in 0..1, channels last in memory."""
    return as_pixels(images).permute(0, 3, 1, 2).float() / 255


def levels_apart(batch: Tensor, images: list[Image.Image]) -> float:
    """By how many grey levels of 0..255 a batch differs from images, at most."""
    return (batch - as_batch(images)).abs().max().item() * 255
