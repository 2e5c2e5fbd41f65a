"""The store as the protocol's model repository: what is in it, and which versions are to be open or not."""

import asyncio
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, ValidationError

from models.refs import Ref, parse_ref
from service.api.openinference.errors import errors
from service.api.openinference.paths import MODEL_PARAMETER, all_versions
from service.api.openinference.schemas import IndexEntry
from service.asked import asked_of
from service.deps import Services, ServicesDep
from service.errors import MalformedRequest
from service.inference.engines import State
from service.inference.fleet import Fleet
from service.uploads.json_body import read_json

router = APIRouter(tags=["open inference protocol"], responses=errors(400, 404, 408, 413, 503))

_MAX_VALUES = 1000
_STATES: dict[State, tuple[Literal["READY", "LOADING", "UNAVAILABLE"], str]] = {
    "ready": ("READY", ""),
    "loading": ("LOADING", ""),
    "failed": ("UNAVAILABLE", "refused"),
    "unloaded": ("UNAVAILABLE", "unloaded"),
    "available": ("UNAVAILABLE", "not open yet; it is opened when it is loaded or first asked for"),
}


class _Body(BaseModel):
    """What all three take: an object, or nothing."""

    model_config = ConfigDict(strict=True)

    ready: bool = False
    parameters: dict[str, Any] = {}


def _described(*parameters: dict[str, Any]) -> dict[str, Any]:
    body = {"required": False, "content": {"application/json": {"schema": {"type": "object"}}}}
    return {"parameters": list(parameters), "requestBody": body}


@router.post("/v2/repository/index", openapi_extra=_described())
async def index(request: Request, services: ServicesDep) -> list[IndexEntry]:
    """List all versions of the store; only those that are open, with `{"ready": true}`."""
    only_ready = (await _body(request, services)).ready
    versions = await asyncio.to_thread(all_versions, services.store)
    entries = [_entry(services.fleet, name, version) for name, version in versions]
    return [entry for entry in entries if entry.state == "READY" or not only_ready]


@router.post("/v2/repository/models/{model}/load", openapi_extra=_described(MODEL_PARAMETER))
async def load(request: Request, services: ServicesDep) -> dict[str, str]:
    """Open and prove the version that a ref means, which is then answered again if it was unloaded.

    The name of a model alone lets all its versions be answered again.
    """
    given = (await _body(request, services)).parameters
    if given:
        told = ", ".join(sorted(given))
        raise MalformedRequest(f"a version is loaded as it was published, so that {told} cannot be given")
    await services.loading.load(_ref(request))
    return {}


@router.post("/v2/repository/models/{model}/unload", openapi_extra=_described(MODEL_PARAMETER))
async def unload(request: Request, services: ServicesDep) -> dict[str, str]:
    """Have the version that a ref means, or all of a model, answer nobody until it is loaded again."""
    given = (await _body(request, services)).parameters
    if unknown := sorted(given.keys() - {"unload_dependents"}):  # there are no dependents: nothing more to be done
        raise MalformedRequest(f"unload takes no parameter {', '.join(unknown)}")
    await services.loading.unload(_ref(request))
    return {}


def _entry(fleet: Fleet, name: str, version: int) -> IndexEntry:
    state, reason = fleet.state(name, version)
    told, why = _STATES[state]
    return IndexEntry(name=name, version=str(version), state=told, reason=": ".join(filter(None, (why, reason))))


def _ref(request: Request) -> Ref:
    return parse_ref(request.path_params["model"])


async def _body(request: Request, services: Services) -> _Body:
    text = await asked_of(request).body.whole()
    if not text:
        return _Body()
    try:
        return _Body.model_validate(read_json(text, services.settings.max_json_depth, _MAX_VALUES))
    except ValidationError as error:
        raise MalformedRequest("the body must be a JSON object with parameters, or empty") from error
