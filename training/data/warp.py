"""Rotation, shear, zoom and crop as one matrix an image, and so as one resampling, which blurs only once.

Matrices are made on the CPU, where a hundred tiny operations cost less than their launches on a GPU. The place of a
pixel is that of its centre: ``(x, y)`` of the first is (0, 0).
"""

import math

import torch
from kornia.geometry.transform import get_affine_matrix2d, warp_affine
from torch import Tensor

from training.data.draws import around, on_device, uniform
from training.settings import AugmentSettings

_ASPECT = 4 / 3


def warp(images: Tensor, matrices: Tensor) -> Tensor:
    """Move each image by its matrix, float ``[N, 3, 3]`` from old places to new ones.

    ``images`` are float ``[N, channels, height, width]`` in 0..1 and keep their size. What comes from outside is the
    image reflected at its edge: black corners would tell a network how far an image was turned.
    """
    height, width = images.shape[2:]
    matrices = on_device(matrices[:, :2], images.device)
    moved = warp_affine(images, matrices, (height, width), padding_mode="reflection", align_corners=False)
    return moved.clamp_(0, 1)  # the weights of four pixels may sum to a little more than 1


def affine(
    shape: torch.Size,
    *,
    move: Tensor | None = None,
    scale: Tensor | None = None,
    angle: Tensor | None = None,
    slant: Tensor | None = None,
    slope: Tensor | None = None,
) -> Tensor:
    """Matrices ``[N, 3, 3]`` for images of ``shape`` that shear, then scale and rotate about the centre, then move.

    ``move`` ``[N, 2]`` is in pixels to the right and down, ``scale`` ``[N, 2]`` in factors across and down, ``angle``
    ``[N]`` in degrees clockwise; ``slant`` and ``slope`` ``[N]`` are the shear across and down, in degrees.
    """
    count, _, height, width = shape
    none = torch.zeros(count)
    return get_affine_matrix2d(
        translations=torch.zeros(count, 2) if move is None else move,
        center=torch.tensor([[(width - 1) / 2, (height - 1) / 2]]).repeat(count, 1),
        scale=torch.ones(count, 2) if scale is None else scale,
        angle=none if angle is None else angle,
        sx=none if slant is None else slant.deg2rad(),
        sy=none if slope is None else slope.deg2rad(),
    )


def random_affine(shape: torch.Size, settings: AugmentSettings) -> Tensor:
    """Matrices ``[N, 3, 3]`` that crop, then shear, rotate and zoom as ``settings`` say."""
    count = shape[0]
    turned = affine(
        shape,
        scale=around(count, 1, settings.zoom)[:, None].repeat(1, 2),
        angle=around(count, 0, settings.rotate),
        slant=around(count, 0, settings.shear),
    )
    return turned @ random_crop(shape, settings.crop)


def random_crop(shape: torch.Size, share: float) -> Tensor:
    """Matrices ``[N, 3, 3]`` that enlarge a random part of each image to the whole.

    The part has at least ``share`` of the area, and at most 4:3 the aspect of the image, or 3:4.
    """
    count, _, height, width = shape
    area = uniform(count, share, 1)
    # Beyond an aspect of 1 to the area the part would be longer than the image.
    reach = torch.minimum(torch.full((count,), math.log(_ASPECT)), -area.log())
    aspect = (reach * around(count, 0, 1)).exp()
    part = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], 1)
    room = (1 - part) / 2 * torch.tensor([width, height])
    away = room * torch.stack([around(count, 0, 1), around(count, 0, 1)], 1)
    return affine(shape, move=-away / part, scale=1 / part)
