"""Mixup: training on images and labels in between (Zhang et al. 2017, arXiv:1710.09412)."""

import torch
from torch import Tensor
from torch.nn import functional

from training.data.draws import on_device


def mix(images: Tensor, targets: Tensor, classes: int, alpha: float) -> tuple[Tensor, Tensor]:
    """Mix each image with another of its batch, and their labels alike; returns images and soft targets.

    ``images`` are float ``[N, channels, height, width]``, ``targets`` int64 ``[N]``; the soft targets are float
    ``[N, classes]`` with a sum of 1, as ``cross_entropy`` takes them. The share of each image is drawn from
    Beta(alpha, alpha), for each anew, where the authors' code draws one for the batch; an ``alpha`` of 0 mixes nothing.
    """
    labels = functional.one_hot(targets, classes).to(images.dtype)
    if not alpha:
        return images, labels
    count = len(images)
    partner = on_device(torch.randperm(count), images.device)
    share = on_device(torch.distributions.Beta(alpha, alpha).sample((count,)), images.device)
    mixed = torch.lerp(images[partner], images, share.view(-1, 1, 1, 1))
    return mixed, torch.lerp(labels[partner], labels, share.view(-1, 1))
