"""Which graph of a version runs: the one asked for, or the one that pays on the device."""

import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from models.errors import PrecisionMissing
from models.manifest import Graph, Precision, Variant

Asked = Literal["auto", "fp32", "fp16", "int8"]
RealDevice = Literal["cpu", "cuda"]

# What each device computes fast, and what comes next to the graph of full precision where there is none.
_FAST: dict[RealDevice, Variant] = {"cpu": "int8", "cuda": "fp16"}
_ORDER: dict[RealDevice, tuple[Precision, ...]] = {"cpu": ("fp32", "int8", "fp16"), "cuda": ("fp32", "fp16", "int8")}
# Instructions that multiply bytes without saturating in between, as Linux names them.
_VNNI = {"avx512_vnni", "avx_vnni"}


class Choice(NamedTuple):
    """The graph to run, and why that one, for the log."""

    precision: Precision
    reason: str


def choose(graphs: Mapping[Precision, Graph], device: RealDevice, asked: Asked) -> Choice:
    """The precision to run on ``device``; raises PrecisionMissing when the one asked for is not among ``graphs``.

    ``auto`` takes fp16 on CUDA and int8 on the CPU where they were measured to be faster than fp32 there, and the
    processor has the instructions for int8; else the highest precision that the device computes well.
    """
    if asked != "auto":
        if asked not in graphs:
            raise PrecisionMissing(
                f"there is no {asked} graph, only {', '.join(graphs)}: ask for one of these, or auto"
            )
        return Choice(asked, "asked for")
    fast, exact = _FAST[device], next(precision for precision in _ORDER[device] if precision in graphs)
    against = _against(graphs, device)
    if against is None:
        return Choice(fast, f"auto: {fast} was measured to be {_speed_up(graphs[fast]):g} times as fast as fp32")
    return Choice(exact, "auto: there is no fp32 graph" if exact != "fp32" else f"auto: {against}")


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


def _against(graphs: Mapping[Precision, Graph], device: RealDevice) -> str | None:
    """What speaks against the graph that ``device`` would compute fast, if anything does."""
    fast = _FAST[device]
    if fast not in graphs:
        return f"there is no {fast} graph"
    if device == "cpu" and not has_vnni():
        return f"the processor has no VNNI, without which {fast} does not pay"
    speed_up = _speed_up(graphs[fast])
    # Training on a CPU measures fp16 by casting to float32: that tells neither its speed on CUDA nor whether a sum
    # overflows there, so nothing speaks for it.
    if speed_up is None:
        return f"{fast} was never measured on {device}; it runs when asked for by name"
    return None if speed_up > 1 else f"{fast} was measured to be {speed_up:g} times as fast as fp32"


def _speed_up(graph: Graph) -> float | None:
    """How many times as fast as fp32; fp16 is only ever measured on CUDA, and int8 on a CPU."""
    return None if graph.measured is None else graph.measured.speed_up
