"""What training runs on: device, processes, precision, and whether it compiles."""

import logging
import os
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from torch import nn

from training.errors import RunUnusable
from training.progress import say
from training.settings import FitSettings

# It tells of each precision and each process that it sets up, to no one in particular.
for _name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.distributed"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# While the first process checks the data the others wait for it, and a check of millions of images takes hours; half an
# hour is what torch would wait. Nobody waits for a process that is dead: torchrun ends them all.
_PATIENCE = timedelta(days=1)
# ResNet-50 makes 23.6 % mistakes on ImageNet with batch norm over 32 images, 23.7 over 16, 24.8 over 8 and 27.3 over 4
# (Wu and He 2018, arXiv:1803.08494).
_NORMALISABLE = 16

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def make_fabric(settings: FitSettings) -> Fabric:
    """An accelerator where there is one, else the CPU; under torchrun this process's share of them."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", "1"))
    strategy = DDPStrategy(timeout=_PATIENCE) if processes * nodes > 1 else "auto"
    precision = choose_precision(settings)
    fabric = Fabric(accelerator="auto", devices=processes, num_nodes=nodes, strategy=strategy, precision=precision)
    fabric.launch()
    return fabric


def normalise_together(network: nn.Module, fabric: Fabric, batch_size: int) -> None:
    """Let batch norms take the statistics of the whole batch, of which each process has a share; on CUDA only.

    gloo, which connects CPUs, has no such batch norm. There each process takes those of its share, and where that is
    small it is said.
    """
    if fabric.world_size == 1:
        return
    if fabric.device.type == "cuda":
        # In place, as the network itself is no batch norm.
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return
    share = batch_size // fabric.world_size
    if share < _NORMALISABLE and any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        say(
            f"warning: each process normalises {share} images by themselves, where fewer than {_NORMALISABLE} cost "
            f"accuracy: raise fit.batch_size to {_NORMALISABLE * fabric.world_size}, or start fewer processes"
        )


def refuse_disagreement(fabric: Fabric, epochs: int, folder: Path) -> None:
    """Raise RunUnusable in every process where one of them found other ``epochs`` done in ``folder`` than the first."""
    counts = [epochs] * fabric.world_size
    if fabric.world_size > 1:
        torch.distributed.all_gather_object(counts, epochs)
    for process, other in enumerate(counts):
        if other != counts[0]:
            part()  # what leaves without would hang
            raise RunUnusable(
                f"the first process found {counts[0]} epochs done in {folder}, process {process} found {other}: "
                "--output must be on a disk that all nodes share"
            )


def part() -> None:
    """Take leave of the other processes; one that just ended would tear the others' connections."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def choose_precision(settings: FitSettings) -> Precision:
    """Mixed precision where the hardware multiplies in it, unless the recipe wants float32.

    On a Zen 5 processor bfloat16 trains VGG16 1.8 times as fast as float32; where the processor has no such
    instructions it is emulated, and slower.
    """
    if settings.precision == "float32":
        return "32-true"
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    able = torch.cpu.get_capabilities()
    return "bf16-mixed" if able.get("avx512_bf16") or able.get("amx_bf16") else "32-true"


def compiled(network: nn.Module, settings: FitSettings) -> nn.Module:
    """``network``, compiled where the recipe wants it.

    ``auto`` compiles on CUDA, where Triton is there. On the CPU it did not pay: an epoch of CIFAR-10 took 63 s in
    place of 57 (64, 256 and 256 channels, bfloat16, two cores).
    """
    pays = torch.cuda.is_available() and find_spec("triton") is not None
    if settings.compile == "on" or (settings.compile == "auto" and pays):
        return torch.compile(network)  # type: ignore[return-value]  # a module for a module
    return network
