"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381): a network of 0.3 GMAC, with random weights, to be measured."""

import torch
from torch import Tensor, nn

# Expansion, channels, blocks and stride of the first block: table 2 of the paper.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        widen = [_convolution(inputs, hidden, 1)] if expansion > 1 else []
        self.body = nn.Sequential(
            *widen,
            _convolution(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.body(features)
        return features + change if self.residual else change


class MobileNetV2(nn.Module):
    """Normalised images ``[N, 3, height, width]`` to logits ``[N, classes]``."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, 32, 3, 2)]
        channels = 32
        for expansion, width, blocks, stride in _STAGES:
            for block in range(blocks):
                layers.append(_Bottleneck(channels, width, stride if block == 0 else 1, expansion))
                channels = width
        self.features = nn.Sequential(*layers, _convolution(channels, 1280, 1))
        self.classifier = nn.Linear(1280, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch."""
        logits: Tensor = self.classifier(self.features(images).mean((2, 3)))
        return logits


def settle(network: nn.Module, images: Tensor) -> None:
    """Give batch norms the statistics of ``images``.

    Without them, random weights let the values of so deep a network vanish, and a processor is slow with numbers that
    small.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
    network.eval()


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )
