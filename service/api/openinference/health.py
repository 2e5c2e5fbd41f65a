"""Who answers, and whether it is ready: the server, a model, one version."""

import time
from importlib.metadata import version

from fastapi import APIRouter, Request

from service.api import health
from service.api.openinference.errors import errors
from service.api.openinference.paths import RefDep, model_route
from service.api.openinference.schemas import ModelReady, ServerLive, ServerMetadata, ServerReady
from service.asked import asked_of
from service.deps import ServicesDep
from service.errors import NotReady
from service.waiting import wanted

router = APIRouter(tags=["open inference protocol"], responses=errors(400, 404, 503, 504))

EXTENSIONS = ["binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"]


@router.get("/v2")
async def server() -> ServerMetadata:
    """Say who answers, and which extensions of the protocol work."""
    return ServerMetadata(name="whatsit", version=version("whatsit"), extensions=EXTENSIONS)


@router.get("/v2/health/live")
async def live() -> ServerLive:
    """Whether the process answers."""
    return ServerLive()


@router.get("/v2/health/ready")
async def ready(services: ServicesDep) -> ServerReady:
    """Whether the default model has answered its golden images, and still would."""
    await health.ready(services)
    return ServerReady()


@model_route(router, "GET", "/ready")
async def model_ready(request: Request, services: ServicesDep, ref: RefDep) -> ModelReady:
    """Whether a version would answer; one that nobody has asked for yet is opened and proved first."""
    deadline = time.monotonic() + services.settings.request_timeout_s
    asked = asked_of(request)
    with await wanted(asked, services.fleet.lease(ref, asked.client), deadline) as lease:
        if not await lease.engine.healthy():
            raise NotReady(f"{ref} does not answer its golden images; the service's log says more")
        return ModelReady(name=lease.resolved.name)
