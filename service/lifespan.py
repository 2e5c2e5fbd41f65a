"""What the app starts with and ends with."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from service.deps import Services
from service.inference.fleet import Fleet
from service.inference.loading import Loading
from service.inference.opening import LocalOpener, Opener
from service.inference.pipeline import Pipeline
from service.inference.shadow import Shadow
from service.jobs.jobs import Jobs
from service.keys.gate import Gate
from service.middleware.body_limit import Bodies
from service.middleware.drain import InFlight
from service.observability.metrics import Metrics
from service.settings import Settings
from service.store import store_of
from service.workers.board import Slot

log = logging.getLogger(__name__)


def build_services(
    settings: Settings, metrics: Metrics, in_flight: InFlight, slot: Slot, opener: Opener | None = None
) -> Services:
    """Make what the routes use; nothing is opened yet. Without an ``opener`` versions are opened in this process."""
    store = store_of(settings, serving=True)
    pipeline = Pipeline(settings, metrics)
    pipeline.admission.told = slot.hold
    opener = opener or LocalOpener(store, settings, slot.board.images_at_work)
    fleet = Fleet(store, settings, opener)
    fleet.swaps.told = lambda swap: metrics.swaps.add(*swap)
    loading = Loading(fleet, metrics, others=len(slot.board.of_kind("worker")) > 1)
    shadow = Shadow(fleet, pipeline, metrics, settings, slot.board.images_inside)
    jobs = Jobs(settings, fleet, pipeline, metrics, slot, lambda: in_flight.draining or in_flight.leaving)
    services = Services(
        *(settings, store, opener, fleet, loading, pipeline, shadow),
        *(metrics, in_flight, Bodies(settings), slot, Gate(settings, slot), jobs),
    )
    metrics.watch("whatsit_permits_held", "Images inside the service.", lambda: pipeline.admission.inside)
    metrics.watch("whatsit_permits", "The most images inside the service.", lambda: settings.queue_capacity)
    metrics.watch("whatsit_store_away", "Whether the store cannot be reached.", lambda: fleet.store_away)
    metrics.watch_engines(
        lambda: [(e.manifest.name, str(e.manifest.version), e.precision, e.device) for e in fleet.engines()]
    )
    return services


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the default model in the background, so that the process can answer that it lives meanwhile."""
    services: Services = app.state.services
    fleet = services.fleet
    work = (
        *(services.opener.keep_connected(), fleet.watch(), fleet.follow(), services.loading.run()),
        *(services.shadow.run(), services.jobs.run(), _open_default(fleet, services.opener)),
    )
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # jobs give back what they hold
        services.jobs.close()
        await services.fleet.close()
        services.pipeline.close()


async def _open_default(fleet: Fleet, opener: Opener) -> None:
    await opener.reachable()
    await fleet.open_default()
