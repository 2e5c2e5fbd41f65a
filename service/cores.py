"""How many cores this process may use."""

import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")


def usable_cores(root: Path = _ROOT) -> int:
    """The cores that the process may run on, or as many as its container's share of time is worth; at least one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, round(min([allowed, *_worth(root)])))


def _worth(root: Path) -> Iterator[float]:
    """What each limit on the time of this process is worth in cores: of its own group, and of those around it."""
    for group in _groups(root):
        for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):  # the second version, the first
            try:
                most, period = " ".join((group / name).read_text(encoding="ascii") for name in names).split()
                if int(most) > 0:
                    yield int(most) / int(period)
            except (OSError, ValueError):  # there is none; "max" says the same
                continue


def _groups(root: Path) -> Iterator[Path]:
    """The folders that may tell of limits: inside a container the path of its own group may not be there."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if not controllers or "cpu" in controllers.split(","):
            mounted = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
            own = Path(path.lstrip("/"))
            yield from (mounted / part for part in (own, *own.parents))
