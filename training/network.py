"""A classifier network as it is trained: normalisation first, then the architecture that the recipe asks for."""

import numpy as np
import torch
from torch import Tensor, nn

from models.manifest import InputSpec
from models.preprocess import Pixels
from training.architectures.cnn import build_cnn, whiten
from training.architectures.settings import CnnSettings
from training.architectures.vgg16 import build_vgg16
from training.config import Recipe
from training.data.augment import to_unit
from training.data.splits import Indices
from training.seed import generator

# Enough to know means and directions by, and bounded whatever the size of the images: 5,000 of 32 x 32.
_STATISTICS_PIXELS = 5_120_000


class Network(nn.Module):
    """Float images ``[N, channels, height, width]`` in 0..1 to logits ``[N, classes]``."""

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("std", torch.ones(1, channels, 1, 1))
        self.body = body

    def normalise(self, images: Tensor) -> Tensor:
        """Subtract a mean and divide by a standard deviation, channel by channel.

        They are those of the training images, or those that the weights which training starts from are used to.
        """
        return (images - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch."""
        logits: Tensor = self.body(self.normalise(images))
        return logits


def build_network(recipe: Recipe, classes: int) -> Network:
    """A fresh network; raises InvalidRecipe when its input is too small for its layers."""
    return Network(_build_body(recipe, classes), recipe.input.channels)


def count_parameters(recipe: Recipe, classes: int) -> int:
    """How many parameters the network of ``recipe`` has; none of them takes memory."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build_network(recipe, classes).parameters())


def _build_body(recipe: Recipe, classes: int) -> nn.Module:
    settings, shape = recipe.architecture, recipe.input.shape
    if isinstance(settings, CnnSettings):
        return build_cnn(settings, shape, classes)
    return build_vgg16(settings, shape, classes)


def measure(network: Network, pixels: Pixels, rows: Indices, recipe: Recipe) -> Tensor:
    """Set what a network takes from the training images before training: normalisation and whitening.

    ``pixels`` are uint8 ``[N, height, width, channels]``, ``rows`` those of the training split. Returns the images
    that were measured, float ``[N, channels, height, width]`` in 0..1.
    """
    images = to_unit(torch.from_numpy(pixels[_some(rows, recipe.input, recipe.seed)]))
    network.mean.copy_(images.mean((0, 2, 3), keepdim=True))
    # The floor is one grey level: a set of flat images must not be divided by nothing.
    network.std.copy_(images.std((0, 2, 3), keepdim=True).clamp_min(1 / 255))
    if isinstance(recipe.architecture, CnnSettings) and recipe.architecture.stem is not None:
        whiten(network.body, network.normalise(images))
    return images


def _some(rows: Indices, spec: InputSpec, seed: int) -> Indices:
    count = min(len(rows), max(1, _STATISTICS_PIXELS // (spec.height * spec.width)))
    return rows[np.sort(generator(seed, "statistics").permutation(len(rows))[:count])]
