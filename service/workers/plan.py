"""How many workers there are to be, and what of the settings is each one's."""

from dataclasses import dataclass

from models.runtime import real_devices
from service.cores import usable_cores
from service.settings import Settings

# Else one image that takes long would hold up all the others of its worker.
_LEAST_DECODERS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """``workers`` processes, for a reason, each with ``settings``."""

    workers: int
    reason: str
    settings: Settings


def plan(settings: Settings) -> Plan:
    """Decide how many workers there are to be."""
    workers, reason = _workers(settings)
    return Plan(workers, reason, settings if workers == 1 else share(settings, workers))


def share(settings: Settings, workers: int) -> Settings:
    """What each of ``workers`` gets: of what is for all together its share, rounded up.

    The body of the largest batch must have room in each, or nobody could ever send it.
    """
    cores = usable_cores()
    return settings.model_copy(
        update={
            "lanes": settings.lanes or max(1, cores // workers),
            "decode_threads": settings.decode_threads or max(_LEAST_DECODERS, -(-cores // workers)),
            "queue_capacity": -(-settings.queue_capacity // workers),
            "max_decoding_bytes": -(-settings.max_decoding_bytes // workers),
            "max_bodies_bytes": max(-(-settings.max_bodies_bytes // workers), settings.max_batch_bytes),
        }
    )


def _workers(settings: Settings) -> tuple[int, str]:
    if settings.workers != "auto":
        return settings.workers, "as set"
    if real_devices(settings.device)[0] == "cuda":
        return 1, "auto: one process has the GPU"
    cores = usable_cores()
    return cores, f"auto: one for each of {cores} cores"
