"""What near copies of an image are recognised by: a perceptual hash that finds candidates, details that prove them.

Both are read off one cosine transform of the image, averaged to 32 x 32. The hash is pHash (Zauner 2010, as in the
package imagehash): whether each of the 64 lowest coefficients of the brightness is above their median. The details are
the coefficients of 12 x 12 that are not the very lowest, in every channel, scaled to length 1: what is smooth, such as
a sky, is alike in many images, and only what is left can show that two are the same.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.preprocess import Pixels
from training.data.splits import Indices

Hashes = NDArray[np.uint64]
Floats = NDArray[np.float32]

_SIDE, _KEPT, _HASHED = 32, 12, 8
_LUMA = (0.299, 0.587, 0.114)
# Coefficients whose two numbers add up to less are the very lowest. Of CIFAR-10's pairs of hashes at most 12 bits apart
# 53 % are of two classes, but of the 1,500 most alike in their details 2; with these coefficients among them 8.
_LOWEST = 3
# Grey levels, on average, that details must have to be compared. The plainest image of six published data sets has 3.6.
_LEAST_CONTRAST = 1.0
_BLOCK_VALUES = 1 << 24


@dataclass(frozen=True)
class Descriptors:
    """Of ``N`` images: ``hashes`` and ``mirrored``, the hashes of the images left and right exchanged.

    ``details`` float32 ``[N, D]`` have length 1, or 0 where an image is ``plain``: of nearly one colour, or a
    slow gradient. The details of a mirrored image are those of the image times ``signs`` ``[D]``.
    """

    hashes: Hashes
    mirrored: Hashes
    details: Floats
    signs: Floats
    plain: NDArray[np.bool_]


def describe(pixels: Pixels, rows: Indices) -> Descriptors:
    """Describe the ``rows`` of ``pixels`` uint8 ``[all, height, width, channels]``."""
    _, height, width, channels = pixels.shape
    down, across = _transform(height), _transform(width).T
    size = max(1, _BLOCK_VALUES // (height * width * channels))

    def coefficients(start: int) -> Floats:
        block: Floats = np.moveaxis(pixels[rows[start : start + size]], 3, 1).astype(np.float32)
        found: Floats = np.matmul(np.matmul(down, block), across)
        return found

    low = np.empty((len(rows), channels, _KEPT, _KEPT), np.float32)
    starts = range(0, len(rows), size)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start, found in zip(starts, pool.map(coefficients, starts), strict=True):
            low[start : start + size] = found
    order = np.arange(_KEPT)
    kept = np.add.outer(order, order) >= _LOWEST
    signs = np.broadcast_to(1 - 2 * (order % 2), (_KEPT, _KEPT)).astype(np.float32)  # mirroring negates odd columns
    details, plain = _scale(low[:, :, kept].reshape(len(rows), channels * np.count_nonzero(kept)), channels)
    return Descriptors(_hash(low), _hash(low * signs), details, np.tile(signs[kept], channels), plain)


def _transform(size: int) -> Floats:
    """``[12, size]``: averages ``size`` values to 32 and gives the first coefficients of their cosine transform."""
    edges = np.linspace(0, size, _SIDE + 1)
    left, right = edges[:-1, None], edges[1:, None]
    places = np.arange(size)
    overlap = np.clip(np.minimum(right, places + 1) - np.maximum(left, places), 0, None)
    order, centres = np.arange(_KEPT)[:, None], np.arange(_SIDE) + 0.5
    cosines = np.cos(np.pi * order * centres / _SIDE) * np.sqrt(2 / _SIDE)
    cosines[0] /= np.sqrt(2)
    transform: Floats = (cosines @ (overlap * _SIDE / size)).astype(np.float32)
    return transform


def _hash(low: Floats) -> Hashes:
    weights = np.array(_LUMA if low.shape[1] == 3 else (1,), np.float32)
    brightness = np.einsum("ncij,c->nij", low[:, :, :_HASHED, :_HASHED], weights).reshape(len(low), _HASHED**2)
    above = brightness > np.median(brightness, axis=1, keepdims=True)
    hashes: Hashes = np.packbits(above, axis=1).view(np.uint64).reshape(-1)
    return hashes


def _scale(details: Floats, channels: int) -> tuple[Floats, NDArray[np.bool_]]:
    length = np.linalg.norm(details, axis=1)
    plain = length / (_SIDE * np.sqrt(channels)) < _LEAST_CONTRAST  # the transform keeps sums of squares
    scale = np.where(plain, 0, 1 / np.maximum(length, 1e-6)).astype(np.float32)
    return details * scale[:, None], plain
