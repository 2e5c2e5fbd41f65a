"""TrivialAugment: one change of random kind and strength for each image (Müller and Hutter 2021, arXiv:2103.10158).

The space is the wide one of the paper: 14 kinds, 31 strengths. Two things differ. What comes from outside is the image
reflected, not black, as everywhere in training; so images are moved by at most half their side, since beyond
that a mirrored image would be most of what is seen. kornia's own ``TrivialAugment`` (0.9.0) draws one kind for a whole
batch, knows no change of saturation and shears by up to 54 degrees, so only its operations are used.
"""

from collections.abc import Callable

import torch
from kornia.enhance import equalize, normalize_min_max, posterize, sharpness, solarize
from torch import Tensor

from training.data.colour import brighten, contrast, saturate
from training.data.draws import on_device, signs
from training.data.warp import affine, warp

Change = Callable[[Tensor, Tensor], Tensor]
"""From float images ``[N, channels, height, width]`` in 0..1 and strengths ``[N]`` in -1..1 to such images."""

_STRONGEST = 30
_FACTOR = 0.99
_DEGREES = 135.0
_PIXELS = 32


def trivial(images: Tensor) -> Tensor:
    """Change each of float ``[N, channels, height, width]`` in 0..1 by one of ``CHANGES``."""
    count = len(images)
    kinds = torch.randint(0, len(CHANGES), (count,))
    strengths = torch.randint(0, _STRONGEST + 1, (count,)) / _STRONGEST * signs(count)
    changed = images.clone()
    for kind, change in enumerate(CHANGES.values()):
        drawn = (kinds == kind).nonzero()[:, 0]
        if len(drawn):
            places = on_device(drawn, images.device)
            changed[places] = change(images[places], strengths[drawn])
    return changed


def _identity(images: Tensor, _strengths: Tensor) -> Tensor:
    return images


def _stretch(images: Tensor, _strengths: Tensor) -> Tensor:
    """Let each channel go from 0 to 1; one that is flat stays as it is, which kornia would turn black."""
    flat = images.amax((2, 3), keepdim=True) == images.amin((2, 3), keepdim=True)
    return torch.where(flat, images, normalize_min_max(images))


def _equalize(images: Tensor, _strengths: Tensor) -> Tensor:
    return equalize(images)


def _posterize(images: Tensor, strengths: Tensor) -> Tensor:
    """Leave 8 to 2 bits of each value."""
    return posterize(images, on_device((8 - 6 * strengths.abs()).round().int(), images.device))


def _solarize(images: Tensor, strengths: Tensor) -> Tensor:
    """Invert what is as bright as a threshold that falls from just above white to black."""
    return solarize(images, 256 / 255 * (1 - strengths.abs()))


def _sharpen(images: Tensor, strengths: Tensor) -> Tensor:
    return sharpness(images, 1 + _FACTOR * strengths)


def _rotate(images: Tensor, strengths: Tensor) -> Tensor:
    return warp(images, affine(images.shape, angle=_DEGREES * strengths))


def _slant(images: Tensor, strengths: Tensor) -> Tensor:
    return warp(images, affine(images.shape, slant=(_FACTOR * strengths).atan().rad2deg()))


def _slope(images: Tensor, strengths: Tensor) -> Tensor:
    return warp(images, affine(images.shape, slope=(_FACTOR * strengths).atan().rad2deg()))


def _move_across(images: Tensor, strengths: Tensor) -> Tensor:
    reach = min(_PIXELS, images.shape[3] / 2)
    return warp(images, affine(images.shape, move=torch.stack([reach * strengths, 0 * strengths], 1)))


def _move_down(images: Tensor, strengths: Tensor) -> Tensor:
    reach = min(_PIXELS, images.shape[2] / 2)
    return warp(images, affine(images.shape, move=torch.stack([0 * strengths, reach * strengths], 1)))


CHANGES: dict[str, Change] = {
    "identity": _identity,
    "auto contrast": _stretch,
    "equalize": _equalize,
    "rotate": _rotate,
    "solarize": _solarize,
    "colour": lambda images, strengths: saturate(images, 1 + _FACTOR * strengths),
    "posterize": _posterize,
    "contrast": lambda images, strengths: contrast(images, 1 + _FACTOR * strengths),
    "brightness": lambda images, strengths: brighten(images, 1 + _FACTOR * strengths),
    "sharpness": _sharpen,
    "shear across": _slant,
    "shear down": _slope,
    "translate across": _move_across,
    "translate down": _move_down,
}
"""The kinds by their names in the paper; ``colour`` changes nothing in grey images."""
