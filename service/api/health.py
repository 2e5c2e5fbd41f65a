"""Health and metrics: what orchestrators and Prometheus ask."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from service.api.documentation import problems
from service.deps import ServicesDep
from service.errors import Draining, NotReady

router = APIRouter(tags=["operations"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "live"}


@router.get("/health/ready", responses=problems(503))
async def ready(services: ServicesDep) -> dict[str, str]:
    """Whether the default model has answered its golden images, and still would."""
    if services.in_flight.draining:
        raise Draining("the service is shutting down")
    if not await services.fleet.ready():
        raise NotReady("the default model has not answered its golden images; the service's log says more")
    return {"status": "ready"}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(services: ServicesDep) -> Response:
    """Metrics in Prometheus' text format."""
    return Response(services.metrics.text(), media_type=CONTENT_TYPE_LATEST)
