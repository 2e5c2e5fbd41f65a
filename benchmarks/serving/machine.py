"""What a run is measured on: hardware, packages, commit."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from benchmarks.serving.records import Run
from benchmarks.serving.works import ROOT

_GIGABYTE = 1e9
_SERVED = ("models/*.py", "service/*.py", "requirements")
_VERSIONS = """
import json, platform
from importlib.metadata import version, PackageNotFoundError
def found(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
names = ("onnxruntime", "numpy", "pillow", "fastapi", "uvicorn", "uvloop", "litserve", "bentoml", "mosec")
print(json.dumps({"python": platform.python_version()} | {name: found(name) for name in names if found(name)}))
"""


def describe(run: str, command: str, seconds: float, ours: tuple[str, ...], peers_python: Path) -> Run:
    """This machine and what is installed on it."""
    return Run(
        run=run,
        command=command,
        seconds=seconds,
        ours=ours,
        hardware=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIGABYTE, 1),
        kernel=platform.release(),
        versions={"ours": _versions(Path(sys.executable)), "peers": _versions(peers_python)},
        wrk=_first_line(["wrk", "--version"]).partition(" Copyright")[0],
    )


def commit() -> str:
    """The commit of this code, ``-dirty`` where the service or its packages differ from it."""
    git = ["git", "-C", str(ROOT)]
    found = _first_line([*git, "rev-parse", "--short=10", "HEAD"])
    return f"{found}-dirty" if _first_line([*git, "status", "--porcelain", "--", *_SERVED]) else found


def _processor() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def _versions(python: Path) -> dict[str, str]:
    if not python.exists():
        return {}
    found: dict[str, str] = json.loads(_first_line([str(python), "-c", _VERSIONS]))
    return found


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # wrk --version ends with 1
    return (done.stdout or done.stderr).partition("\n")[0].strip()
