"""What routes ask for, as types."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from models.refs import Ref, parse_ref
from models.store import Store
from service.inference.fleet import Fleet
from service.inference.loading import Loading
from service.inference.opening import Opener
from service.inference.pipeline import Pipeline
from service.inference.shadow import Shadow
from service.jobs.jobs import Jobs
from service.keys.gate import Gate
from service.middleware.body_limit import Bodies
from service.middleware.drain import InFlight
from service.observability.metrics import Metrics
from service.settings import Settings
from service.workers.board import Slot


@dataclass(frozen=True, slots=True)
class Services:
    """What one app consists of; lives in ``app.state.services`` while it runs."""

    settings: Settings
    store: Store
    opener: Opener
    fleet: Fleet
    loading: Loading
    pipeline: Pipeline
    shadow: Shadow
    metrics: Metrics
    in_flight: InFlight
    bodies: Bodies
    slot: Slot
    gate: Gate
    jobs: Jobs


# All async: FastAPI would send a plain function through a thread, which costs as much as the rest of its work.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(_services)]


async def _ref(
    services: ServicesDep,
    ref: Annotated[str, Path(description="name, name@version or name@alias", examples=["cifar10"])],
) -> Ref:
    return answerable(services, parse_ref(ref))


async def _default_ref(services: ServicesDep) -> Ref:
    return answerable(services, services.fleet.default)


def answerable(services: Services, ref: Ref) -> Ref:
    """Refuse before the body is read what could not be answered after it."""
    services.fleet.find(ref)
    services.pipeline.admission.check()
    return ref


RefDep = Annotated[Ref, Depends(_ref)]
DefaultRefDep = Annotated[Ref, Depends(_default_ref)]
TOP_K = 5
TopK = Annotated[int, Query(ge=1, le=1000, description="How many classes to list, best first.")]
