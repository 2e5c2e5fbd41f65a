"""A configurable stack of convolutions, batch norms and poolings.

With the recipe ``cifar10`` it is the network of Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU"
(arXiv:2404.00498): a whitening first layer, three blocks that pool early, dirac initialisation, a scaled head.
"""

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from training.architectures.pooling import GlobalAverage
from training.architectures.settings import BlockSettings, CnnSettings, HeadSettings
from training.errors import InvalidRecipe

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}
# Keeps directions in which patches hardly vary from being blown up; in the units of normalised pixels.
_WHITENING_FLOOR = 5e-4
_PATCH_VALUES = 1 << 22


class Scale(nn.Module):
    """Multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Any shape in, the same out."""
        return x * self.factor


def build_cnn(settings: CnnSettings, shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the network from normalised images ``[N, channels, height, width]`` to logits ``[N, classes]``.

    ``shape`` is ``(height, width, channels)``. Raises InvalidRecipe when the image is too small for the stack.
    """
    channels = shape[2]
    activation = _ACTIVATIONS[settings.activation]
    layers: list[nn.Module] = []
    if settings.stem is not None:
        kernel = settings.stem.kernel
        stem = nn.Conv2d(channels, 2 * channels * kernel**2, kernel)
        stem.weight.requires_grad = False
        if stem.bias is not None:
            nn.init.zeros_(stem.bias)
        layers += [stem, activation()]
        channels = stem.out_channels
    for block in settings.blocks:
        layers += _block(block, channels, activation)
        channels = block.channels
    if settings.init == "dirac":
        _init_dirac(layers[2:] if settings.stem else layers)
    features = _features(layers, shape)
    layers += _head(settings.head, features, classes, activation)
    return nn.Sequential(*layers)


def whiten(network: nn.Module, images: Tensor) -> None:
    """Set the stem's weights from normalised training images ``[N, channels, height, width]``.

    The eigenvectors of the patches' covariance, each divided by the root of its eigenvalue, and their negatives.
    """
    stem = network[0] if isinstance(network, nn.Sequential) else None
    if not isinstance(stem, nn.Conv2d):
        raise TypeError("the network does not begin with a convolution")
    kernel = stem.kernel_size[0]
    values, vectors = torch.linalg.eigh(_patch_covariance(images, kernel))
    directions = (vectors / torch.sqrt(values + _WHITENING_FLOOR)).T.flip(0).float()
    weight = directions.reshape(-1, images.shape[1], kernel, kernel)
    stem.weight.data.copy_(torch.cat([weight, -weight]))


def _patch_covariance(images: Tensor, kernel: int) -> Tensor:
    """Float64 ``[channels * kernel^2, channels * kernel^2]``, summed up over a few images at a time.

    The patches of all would take ``kernel^2`` times the memory of the images, and twice that in float64.
    """
    size = images.shape[1] * kernel**2
    total, count = torch.zeros(size, size, dtype=torch.float64), 0
    step = max(1, _PATCH_VALUES // (size * images.shape[2] * images.shape[3]))
    for start in range(0, len(images), step):
        patches = nn.functional.unfold(images[start : start + step], kernel).transpose(1, 2).reshape(-1, size).double()
        total += patches.T @ patches
        count += len(patches)
    return total / count


def _block(settings: BlockSettings, channels: int, activation: type[nn.Module]) -> Iterator[nn.Module]:
    pool = _pool(settings)
    for number in range(settings.convolutions):
        yield nn.Conv2d(
            channels if number == 0 else settings.channels,
            settings.channels,
            settings.kernel,
            padding=settings.padding,
            bias=not settings.batch_norm,
        )
        if pool is not None and settings.pool_at == "first" and number == 0:
            yield pool
        if settings.batch_norm:
            yield nn.BatchNorm2d(settings.channels)
        yield activation()
    if pool is not None and settings.pool_at == "last":
        yield pool
    if settings.dropout:
        yield nn.Dropout(settings.dropout)


def _pool(settings: BlockSettings) -> nn.Module | None:
    if settings.pool == "none":
        return None
    return nn.MaxPool2d(settings.pool_size) if settings.pool == "max" else nn.AvgPool2d(settings.pool_size)


def _head(
    settings: HeadSettings, features: tuple[int, int, int], classes: int, activation: type[nn.Module]
) -> Iterator[nn.Module]:
    channels, height, width = features
    if settings.pool != "none":
        yield nn.AdaptiveMaxPool2d(1) if settings.pool == "max" else GlobalAverage()
        height = width = 1
    yield nn.Flatten()
    inputs = channels * height * width
    for outputs in settings.dense:
        yield nn.Linear(inputs, outputs)
        yield activation()
        inputs = outputs
    if settings.dropout:
        yield nn.Dropout(settings.dropout)
    yield nn.Linear(inputs, classes, bias=settings.bias)
    if settings.scale != 1:
        yield Scale(settings.scale)


def _init_dirac(layers: list[nn.Module]) -> None:
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight[: layer.in_channels])


def _features(layers: list[nn.Module], shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The shape of one image's features, found by sending an empty one through."""
    height, width, channels = shape
    probe = nn.Sequential(*layers).eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # torch says once a process that an even kernel with padding "same" costs a copy, which is small beside it.
            warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
            out = probe(torch.zeros(1, channels, height, width))
    except RuntimeError as error:
        raise InvalidRecipe(f"architecture.blocks: an input of {height} x {width} is too small for them") from error
    probe.train()
    return tuple(out.shape[1:])
