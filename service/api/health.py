"""Health and metrics: what orchestrators and Prometheus ask."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.documentation import problems
from service.deps import ServicesDep
from service.errors import Draining, NotReady
from service.schemas import ReadyResponse, WorkersOut
from service.workers.board import State

router = APIRouter(tags=["operations"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "live"}


@router.get("/health/ready", responses=problems(503))
async def ready(services: ServicesDep) -> ReadyResponse:
    """Whether the default model has answered its golden images, and still would, in the worker that is asked.

    A service whose other workers are being replaced answers all the same: `workers` says how many are ready.
    """
    if services.in_flight.draining:
        raise Draining("the service is shutting down")
    if not await services.fleet.ready():
        raise NotReady("the default model has not answered its golden images; the service's log says more")
    workers = services.slot.board.of_kind("worker")
    those = [slot for slot in workers if slot is services.slot or slot.state is State.READY]
    return ReadyResponse(workers=WorkersOut(ready=len(those), of=len(workers)))


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(services: ServicesDep) -> Response:
    """Metrics in Prometheus' text format."""
    return Response(services.metrics.text(), media_type=CONTENT_TYPE_LATEST)
