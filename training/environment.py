"""What a run was made with: the commit, the packages, the hardware."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import onnxruntime
import torch

from training import processes

_PACKAGES = ("torch", "lightning", "kornia", "onnx", "onnxscript", "numpy", "pillow")
_ROOT = Path(__file__).parent.parent


def git_commit() -> str | None:
    """The commit of this code, with ``-dirty`` when files differ from it; None outside a checkout of its own.

    An environment within the checkout of something else, with this code installed, has the commit of that.
    """
    commit, top = _git("rev-parse", "HEAD"), _git("rev-parse", "--show-toplevel")
    if commit is None or top is None or Path(top).resolve() != _ROOT.resolve():
        return None
    return f"{commit}-dirty" if _git("status", "--porcelain", "--", "models/*.py", "training") else commit


def packages() -> dict[str, str]:
    """The versions that decide what a run computes."""
    found = {"python": platform.python_version(), "onnxruntime": onnxruntime.__version__}
    return found | {name: version(name) for name in _PACKAGES}  # onnxruntime may be installed as onnxruntime-gpu


def hardware() -> str:
    """The devices of this machine that train, for people."""
    if torch.cuda.is_available():
        devices = processes.count_here()
        return f"{devices} x {torch.cuda.get_device_name()}" if devices > 1 else torch.cuda.get_device_name()
    cores = os.cpu_count() or 1
    used = torch.get_num_threads() * processes.count_here()
    return f"{processor()}, {cores} cores" if used >= cores else f"{processor()}, {used} of {cores} cores"


def processor() -> str:
    """The name of the processor, for people."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(*arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(_ROOT), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
