"""Optimizers, and the course of their learning rate."""

import math
from collections.abc import Collection

import torch
from torch import nn

from training.settings import OptimizerSettings, ScheduleSettings


def build_optimizer(
    settings: OptimizerSettings, network: nn.Module, taken: Collection[str] = (), rate: float = 1
) -> torch.optim.Optimizer:
    """The optimizer of all parameters that can learn; vectors (biases, batch norm) are not decayed.

    The parameters named ``taken`` were trained before and learn at ``rate`` times the learning rate.
    """
    learning = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    groups = []
    for old, factor in ((False, 1.0), (True, rate)):
        chosen = [parameter for name, parameter in learning.items() if (name in taken) is old]
        for vectors, decay in ((False, settings.weight_decay), (True, 0.0)):
            parameters = [parameter for parameter in chosen if (parameter.ndim <= 1) is vectors]
            if parameters:
                group_rate = settings.learning_rate * factor
                # initial_lr is kept in the optimizer's state, as torch's own schedulers do it.
                groups.append({"params": parameters, "weight_decay": decay, "lr": group_rate, "initial_lr": group_rate})
    match settings.name:
        case "sgd":
            return torch.optim.SGD(groups, momentum=settings.momentum, nesterov=settings.nesterov)
        case "adam":
            return torch.optim.Adam(groups)
        case "adamw":
            return torch.optim.AdamW(groups)


def learning_rate_factor(schedule: ScheduleSettings, step: int, steps: int) -> float:
    """What the learning rate is multiplied by at ``step`` of ``steps``, counted from 0."""
    if schedule.name == "constant":
        return 1.0
    warm = schedule.warmup * steps
    if step < warm:
        return schedule.start + (1 - schedule.start) * step / warm
    done = (step - warm) / max(1.0, steps - 1 - warm)
    if schedule.name == "cosine":
        done = (1 - math.cos(math.pi * min(1.0, done))) / 2
    return 1 + (schedule.end - 1) * min(1.0, done)
