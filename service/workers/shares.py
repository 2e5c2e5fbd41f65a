"""How many workers there are to be, and each one's share of what the settings give to all."""

from dataclasses import dataclass

from models.runtime import real_devices
from service.cores import usable_cores
from service.settings import Settings
from service.workers.number import number_of_workers

# Else one image that takes long would hold up all the others of its worker.
_LEAST_DECODERS = 2


@dataclass(frozen=True, slots=True)
class Shares:
    """``workers`` processes, for a reason, each of which gets ``settings`` of ``all`` of them.

    ``shared``: one process more runs the graphs for them.
    """

    workers: int
    reason: str
    settings: Settings
    all: Settings
    shared: bool


def shares_of(settings: Settings) -> Shares:
    """Decide how many workers there are to be; one alone gets everything."""
    workers, reason = _workers(settings)
    shared = settings.engine == "shared" or (settings.engine == "auto" and workers > 1 and _on_cuda(settings))
    return Shares(workers, reason, settings if workers == 1 else _share(settings, workers), settings, shared)


def _workers(settings: Settings) -> tuple[int, str]:
    return number_of_workers(settings) if settings.workers == "auto" else (settings.workers, "as set")


def _on_cuda(settings: Settings) -> bool:
    return real_devices(settings.device)[0] == "cuda"


def _share(settings: Settings, workers: int) -> Settings:
    """What one of several gets, rounded up; in each there must be room for the largest batch that is allowed."""
    cores = usable_cores()
    lanes = settings.lanes
    if not lanes and not _on_cuda(settings):
        lanes = max(1, cores // (workers * (settings.threads or 1)))
    return settings.model_copy(
        update={
            "lanes": lanes,
            "decode_threads": settings.decode_threads or max(_LEAST_DECODERS, -(-cores // workers)),
            "queue_capacity": -(-settings.queue_capacity // workers),
            "cache_bytes": -(-settings.cache_bytes // workers),
            "max_decoding_bytes": -(-settings.max_decoding_bytes // workers),
            "max_bodies_bytes": max(-(-settings.max_bodies_bytes // workers), settings.max_batch_bytes),
        }
    )
