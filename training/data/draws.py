"""Random numbers of augmentation, all from torch's CPU generator, which the loop seeds for each epoch.

So a batch is the same on every device, and a resumed run draws what the uninterrupted one would have drawn.
"""

import torch
from torch import Tensor


def uniform(count: int, low: float, high: float) -> Tensor:
    """Float ``[count]``, evenly spread from ``low`` to ``high``."""
    return torch.empty(count).uniform_(low, high)


def around(count: int, middle: float, reach: float) -> Tensor:
    """Float ``[count]``, evenly spread from ``middle - reach`` to ``middle + reach``."""
    return uniform(count, middle - reach, middle + reach)


def signs(count: int) -> Tensor:
    """Float ``[count]``, -1 or 1, equally often."""
    return torch.randint(0, 2, (count,)).mul(2).sub(1).float()


def on_device(drawn: Tensor, device: torch.device) -> Tensor:
    """What was drawn on the CPU, on ``device``.

    A plain copy to CUDA waits until all queued work is done; this one does not, and is safe, as CUDA takes what
    lies in ordinary memory aside before it returns. Other devices may read it later, so that they get the plain copy.
    """
    return drawn.to(device, non_blocking=device.type == "cuda")
