"""Which graph of a version runs: the one asked for, or the one that pays on the device."""

import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from models.errors import PrecisionMissing
from models.manifest import Graph, Precision, Variant

Asked = Literal["auto", "fp32", "fp16", "int8"]
RealDevice = Literal["cpu", "cuda"]

# What each device computes fast, and what comes next to the graph of full precision where there is none.
_FAST: dict[RealDevice, Variant] = {"cpu": "int8", "cuda": "fp16"}
_ORDER: dict[RealDevice, tuple[Precision, ...]] = {"cpu": ("fp32", "int8", "fp16"), "cuda": ("fp32", "fp16", "int8")}
# Instructions that multiply bytes without saturating in between, as Linux names them.
_VNNI = {"avx512_vnni", "avx_vnni"}


def choose(graphs: Mapping[Precision, Graph], device: RealDevice, asked: Asked) -> Precision:
    """The precision to run on ``device``; raises PrecisionMissing when the one asked for is not among ``graphs``.

    ``auto`` takes fp16 on CUDA, unless it was measured to be no faster; on the CPU int8 where it was measured to be
    faster and the processor has the instructions for it; else the highest precision that the device computes well.
    """
    if asked != "auto":
        if asked not in graphs:
            raise PrecisionMissing(
                f"there is no {asked} graph, only {', '.join(graphs)}: ask for one of these, or auto"
            )
        return asked
    fast = _FAST[device]
    if fast in graphs and (_pays_on_cuda(graphs[fast]) if device == "cuda" else _pays_on_cpu(graphs[fast])):
        return fast
    return next(precision for precision in _ORDER[device] if precision in graphs)


@cache
def has_vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bytes fast; only Linux on x86 tells, and elsewhere nothing was measured."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return False
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
    return not _VNNI.isdisjoint(flags.split())


def _pays_on_cpu(graph: Graph) -> bool:
    return _speed_up(graph) > 1 and has_vnni()


def _pays_on_cuda(graph: Graph) -> bool:
    """Also where it was never measured: the machine that trains often has no CUDA for onnxruntime."""
    return _speed_up(graph, unknown=2) > 1


def _speed_up(graph: Graph, unknown: float = 0) -> float:
    if graph.measured is None or graph.measured.speed_up is None:
        return unknown
    return graph.measured.speed_up
