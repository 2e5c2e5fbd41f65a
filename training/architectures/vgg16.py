"""VGG16: configuration D of Simonyan and Zisserman 2014 (arXiv:1409.1556), laid out as torchvision does.

Names and shapes of its parameters are those of torchvision's ``vgg16`` and ``vgg16_bn``, so that weights published for
these load: https://docs.pytorch.org/vision/stable/models/vgg.html
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from training.architectures.pooling import GlobalAverage
from training.architectures.settings import Vgg16Settings
from training.errors import InvalidRecipe

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_SMALLEST = 2 ** len(_STAGES)  # each stage halves the sides


class Vgg16(nn.Module):
    """Normalised images ``[N, channels, height, width]`` to logits ``[N, classes]``."""

    def __init__(self, settings: Vgg16Settings, channels: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*_features(channels, batch_norm=settings.batch_norm))
        self.avgpool = GlobalAverage() if settings.pool == 1 else nn.AdaptiveAvgPool2d(settings.pool)
        self.classifier = nn.Sequential(*_classifier(settings, classes))
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch."""
        logits: Tensor = self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))
        return logits


def build_vgg16(settings: Vgg16Settings, shape: tuple[int, int, int], classes: int) -> Vgg16:
    """The network with random weights for images of ``shape``, which is ``(height, width, channels)``.

    Raises InvalidRecipe when a side is under 32 pixels.
    """
    height, width, channels = shape
    if min(height, width) < _SMALLEST:
        raise InvalidRecipe(
            f"input: {height} x {width} is too small for vgg16, which halves it five times: set input.height and "
            f"input.width to {_SMALLEST} or more (smaller images are enlarged to that)"
        )
    return Vgg16(settings, channels, classes)


def _features(channels: int, *, batch_norm: bool) -> Iterator[nn.Module]:
    for widths in _STAGES:
        for width in widths:
            yield nn.Conv2d(channels, width, 3, padding=1)
            if batch_norm:
                yield nn.BatchNorm2d(width)
            yield nn.ReLU(inplace=True)
            channels = width
        yield nn.MaxPool2d(2)


def _classifier(settings: Vgg16Settings, classes: int) -> Iterator[nn.Module]:
    inputs = _STAGES[-1][-1] * settings.pool**2
    for outputs in settings.dense:
        yield nn.Linear(inputs, outputs)
        yield nn.ReLU(inplace=True)
        yield nn.Dropout(settings.dropout)  # also where it is 0: the names of the layers count it
        inputs = outputs
    yield nn.Linear(inputs, classes)


def _initialise(layer: nn.Module) -> None:
    """Begin as torchvision does: He et al. 2015 (arXiv:1502.01852) for convolutions, small numbers for dense layers."""
    match layer:
        case nn.Conv2d():
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        case nn.Linear():
            nn.init.normal_(layer.weight, 0, 0.01)
        case _:
            return
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
