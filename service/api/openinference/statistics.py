"""What each version has done since the service was started, by the counts that /metrics tells too."""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter

from service.api.openinference.errors import errors
from service.api.openinference.paths import RefDep, all_versions, model_route, versions_of
from service.api.openinference.schemas import (
    BatchStatistics,
    Duration,
    InferenceStatistics,
    ModelStatistics,
    Statistics,
)
from service.deps import Services, ServicesDep
from service.observability.metrics import Metrics
from service.observability.snapshot import Snapshot

router = APIRouter(tags=["open inference protocol"], responses=errors(400, 404, 503))

_NS = 1e9


@router.get("/v2/models/stats")
async def all_statistics(services: ServicesDep) -> Statistics:
    """Tell what every version of the store has done, in all processes together."""
    return _statistics(services, await asyncio.to_thread(all_versions, services.store))


@model_route(router, "GET", "/stats")
async def model_statistics(services: ServicesDep, ref: RefDep) -> Statistics:
    """Tell what one version, or every version of a model, has done, in all processes together."""
    return _statistics(services, await asyncio.to_thread(versions_of, services.store, ref))


def _statistics(services: Services, versions: Sequence[tuple[str, int]]) -> Statistics:
    metrics, total = services.metrics, services.metrics.of_all()
    return Statistics(model_stats=[_of(metrics, total, name, str(version)) for name, version in versions])


def _of(metrics: Metrics, total: Snapshot, name: str, version: str) -> ModelStatistics:
    def stage(which: str) -> Duration:
        *counts, seconds = total.counts.get(metrics.stages.name, {}).get((which, name, version), [0])
        return Duration(count=int(sum(counts)), ns=round(seconds * _NS))

    runs = {
        int(labels[2]): row
        for labels, row in total.counts.get(metrics.runs.name, {}).items()
        if labels[:2] == (name, version)
    }
    latest = total.latest.get(metrics.answered.name, {}).get((name, version), [0])
    batches = [_batch(size, *runs[size]) for size in sorted(runs)]
    images = int(sum(count for count, _ in runs.values()))
    return ModelStatistics(
        name=name,
        version=version,
        last_inference=round(latest[0] * 1000),
        inference_count=images,
        execution_count=sum(batch.compute_infer.count for batch in batches),
        inference_stats=_stages(images, *map(stage, ("total", "failed", "queue", "decode", "inference", "remembered"))),
        batch_stats=batches,
    )


def _stages(
    images: int, total: Duration, failed: Duration, queue: Duration, decode: Duration, run: Duration, hit: Duration
) -> InferenceStatistics:
    """What was remembered has spent no time in any stage, and is not counted there either but as a hit."""
    rest = max(0, total.ns - hit.ns - queue.ns - decode.ns - run.ns)
    return InferenceStatistics(
        success=total,
        fail=failed,
        queue=queue,
        compute_input=Duration(count=images, ns=decode.ns),
        compute_infer=Duration(count=images, ns=run.ns),
        compute_output=Duration(count=images, ns=rest),
        cache_hit=hit,
    )


def _batch(size: int, images: float, seconds: float) -> BatchStatistics:
    """Each image of a run told the run's size and time: an image that was given up before told neither."""
    count = round(images / size) or 1
    nothing = Duration(count=count, ns=0)  # images are decoded before they are in a batch, and rows are not copied
    run = Duration(count=count, ns=round(seconds / images * count * _NS))
    return BatchStatistics(batch_size=size, compute_input=nothing, compute_infer=run, compute_output=nothing)
