"""How many cores this process may use."""

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """The cores that the process may run on, or as many as its container's share of time is worth; at least one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        most, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):  # not in a container of the second version of cgroups
        return allowed
    return allowed if most == "max" else max(1, min(allowed, round(int(most) / int(period))))
