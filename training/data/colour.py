"""Brightness, contrast, saturation and hue of training batches, by one factor for each image.

kornia's operations are those of Pillow to within rounding (tests compare them). Its shift of hue goes by HSV, which
took 77 ms for 512 images of 32 x 32 on one thread where a rotation takes 2, so that hue is one here.
"""

import math

import torch
from kornia.color import rgb_to_yuv, yuv_to_rgb
from kornia.enhance import (
    adjust_brightness_accumulative,
    adjust_contrast_with_mean_subtraction,
    adjust_saturation_with_gray_subtraction,
)
from torch import Tensor

from training.data.draws import around, on_device
from training.settings import AugmentSettings


def jitter(images: Tensor, settings: AugmentSettings) -> Tensor:
    """Change float ``[N, channels, height, width]`` in 0..1 as ``settings`` say; values stay in 0..1."""
    count = len(images)
    if settings.brightness:
        images = brighten(images, around(count, 1, settings.brightness))
    if settings.contrast:
        images = contrast(images, around(count, 1, settings.contrast))
    if settings.saturation:
        images = saturate(images, around(count, 1, settings.saturation))
    if settings.hue:
        images = turn_hue(images, around(count, 0, settings.hue))
    return images


def brighten(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply by ``factors`` ``[N]``: 0 is black, 1 changes nothing."""
    return adjust_brightness_accumulative(images, factors)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply the distance from the mean grey of the image by ``factors`` ``[N]``: 1 changes nothing."""
    return adjust_contrast_with_mean_subtraction(images, factors)


def saturate(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply the distance of each pixel from its grey by ``factors`` ``[N]``; leaves images of one channel alone."""
    return adjust_saturation_with_gray_subtraction(images, factors)


def turn_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the colours of RGB images by ``turns`` ``[N]`` of the colour circle, at the same luma.

    The rotation of chroma in YUV is that of NVIDIA DALI's ``color_twist``, and linear, hence cheap on every device.
    """
    angle = 2 * math.pi * turns.view(-1, 1, 1)
    # The turn is linear, so what it makes of red, green and blue is its matrix.
    luma, blue, red = rgb_to_yuv(torch.eye(3).view(1, 3, 3, 1)).unbind(1)
    chroma = [angle.cos() * blue - angle.sin() * red, angle.sin() * blue + angle.cos() * red]
    matrices = yuv_to_rgb(torch.stack([luma.expand_as(chroma[0]), *chroma], 1))[..., 0]
    return (on_device(matrices, images.device) @ images.flatten(2)).view(images.shape).clamp(0, 1)
