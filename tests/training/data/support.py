"""Batches of real photographs."""

import numpy as np
import torch
from PIL import Image, ImageEnhance
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


def crops(count: int, side: int = 48, seed: int = 0) -> list[Image.Image]:
    """Parts of the photographs that show something, of random place and size, as squares of ``side`` pixels."""
    rng = np.random.default_rng(seed)
    originals = [photo(name) for name in PHOTOS]
    found = []
    while len(found) < count:
        original = originals[rng.integers(len(originals))]
        size = int(rng.integers(40, 90))
        left, top = rng.integers(0, original.width - size), rng.integers(0, original.height - size)
        part = original.crop((left, top, left + size, top + size)).resize((side, side))
        if np.abs(np.diff(np.asarray(part.convert("L")).astype(int))).mean() > 4:
            found.append(part)
    return found


def changed(image: Image.Image) -> Image.Image:
    """As somebody else would have saved it: smaller and back, brighter, of less contrast."""
    small = image.resize((image.width * 5 // 8, image.height * 5 // 8)).resize(image.size)
    return ImageEnhance.Brightness(ImageEnhance.Contrast(small).enhance(0.8)).enhance(1.1)
