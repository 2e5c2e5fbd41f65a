"""How a graph is run: threads, lanes and batches, as this machine does it best.

Runs of one thread each, as many at a time as there are cores, get most out of a CPU in general. But an image that
comes alone would leave the other cores idle: it is run by all of them. `whatsit tune` measures what is best for one
graph, and keeps it in a file; a service that opens the graph on a machine of the same kind takes it from there.
"""

import os
import platform
from collections.abc import Mapping
from pathlib import Path

import onnxruntime
from pydantic import Field, RootModel, ValidationError

from models.locations import user_cache
from models.manifest import Manifest, Strict
from models.precision import choose
from models.runtime import real_devices
from service.cores import usable_cores
from service.settings import Settings


class Plan(Strict):
    """Threads of one run among others and of one that is alone, runs at a time, and the most images in one.

    ``lanes`` is 0 where the thread of the event loop runs them itself, ``max_batch`` where it is to be measured when
    the version is opened.
    """

    threads: int = Field(ge=0)
    threads_alone: int = Field(ge=0)
    lanes: int = Field(ge=0)
    max_batch: int = Field(ge=0)


class _Plans(RootModel[dict[str, Plan]]):
    pass


def plan_for(manifest: Manifest, settings: Settings, file: Path | None = None) -> Plan:
    """What the settings say; where they leave it open what was tuned, else the rule above."""
    key = key_of(manifest, settings)
    tuned = read_plans(file or tuned_file()).get(key)
    cores, device = usable_cores(), real_devices(settings.device)[0]
    ruled = Plan(threads=1, threads_alone=cores, lanes=1 if device == "cuda" else cores, max_batch=0)
    plan = tuned or ruled
    given: dict[str, int] = {}
    if settings.threads:
        lanes = 1 if device == "cuda" else max(1, cores // settings.threads)
        given |= {"threads": settings.threads, "threads_alone": settings.threads, "lanes": lanes}
    if settings.lanes:
        given["lanes"] = settings.lanes
    if settings.max_batch:
        given["max_batch"] = settings.max_batch
    return plan.model_copy(update=given)


def key_of(manifest: Manifest, settings: Settings) -> str:
    """What a plan holds for: one graph, on one kind of machine, in one version of onnxruntime."""
    device = real_devices(settings.device)[0]
    precision, _ = choose(manifest.graphs, device, settings.precision)
    graph = manifest.files[manifest.graphs[precision].file]
    machine = f"{platform.machine()}, {platform.processor() or _processor()}, {usable_cores()} cores"
    return f"{graph} on {device}, {machine}, onnxruntime {onnxruntime.__version__}"


def tuned_file() -> Path:
    """Where plans are kept."""
    return user_cache() / "tuned.json"


def read_plans(file: Path) -> Mapping[str, Plan]:
    """All plans of a file; none where it is missing or cannot be read: then the service measures for itself."""
    try:
        return _Plans.model_validate_json(file.read_bytes()).root
    except (OSError, ValidationError):
        return {}


def keep_plan(file: Path, key: str, plan: Plan) -> None:
    """Add a plan to a file, in place of an earlier one of the same key."""
    plans = _Plans({**read_plans(file), key: plan})
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(plans.model_dump_json(indent=1) + "\n", encoding="utf-8")
    fresh.replace(file)


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return "a processor of unknown kind"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
