"""Where a model, or one version of it, is found: the two paths that most of the protocol's endpoints have."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request

from models.refs import Ref, parse_ref, parse_version
from models.store import Store
from service.errors import MalformedRequest

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def _parameter(name: str, description: str, example: str) -> dict[str, Any]:
    schema = {"type": "string", "examples": [example]}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


MODEL_PARAMETER = _parameter("model", "The name of a model, or name@alias.", "cifar10")
_VERSION_PARAMETER = _parameter("version", "A positive integer.", "1")
_PATHS = {
    "/v2/models/{model}": [MODEL_PARAMETER],
    "/v2/models/{model}/versions/{version}": [MODEL_PARAMETER, _VERSION_PARAMETER],
}


def model_route(
    router: APIRouter, method: str, tail: str = "", body: dict[str, Any] | None = None
) -> Callable[[Endpoint], Endpoint]:
    """Have an endpoint answer for a model and for one version of it; ``body`` is what OpenAPI says of its body."""

    def add(endpoint: Endpoint) -> Endpoint:
        for path, parameters in _PATHS.items():
            extra = {"parameters": parameters, **(body or {})}
            router.add_api_route(path + tail, endpoint, methods=[method], openapi_extra=extra)
        return endpoint

    return add


# Async: FastAPI would send a plain function through a thread, which costs as much as the rest of its work.
async def _ref(request: Request) -> Ref:
    return ref_of(request.path_params["model"], request.path_params.get("version"))


RefDep = Annotated[Ref, Depends(_ref)]


def ref_of(model: str, version: str | None) -> Ref:
    """What a path asks for; raises InvalidRef, or MalformedRequest where it names a version twice."""
    ref = parse_ref(model)
    if version is None:
        return ref
    if ref != Ref(ref.name):
        raise MalformedRequest(f"the path names a version after {model!r}, which names one too; leave out one of them")
    return Ref(ref.name, version=parse_version(version))


def all_versions(store: Store) -> list[tuple[str, int]]:
    """Name and number of every version of a store."""
    return [(name, version) for name in store.names() for version in store.versions(name)]


def versions_of(store: Store, ref: Ref) -> list[tuple[str, int]]:
    """Those of every version of a model whose name ``ref`` is, else of the one that it means; raises NotFound."""
    if ref == Ref(ref.name):
        return [(ref.name, version) for version in store.versions(ref.name)]
    return [(ref.name, store.resolve(ref).version)]
