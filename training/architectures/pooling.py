"""Pooling that torch has too, but that does not export well."""

from torch import Tensor, nn


class GlobalAverage(nn.Module):
    """The mean of each feature map: ``[N, channels, height, width]`` to ``[N, channels, 1, 1]``.

    ``nn.AdaptiveAvgPool2d(1)`` computes the same, but changes the strides of tensors whose channels come last, which
    those of a served network do; the exporter of torch 2.13 writes that as nine nodes of index arithmetic.
    """

    def forward(self, features: Tensor) -> Tensor:
        """The means of a batch."""
        return features.mean((2, 3), keepdim=True)
