"""The registry, read only: models, versions, aliases, and what this process makes of them."""

from fastapi import APIRouter

from models.refs import check_name
from service.api.documentation import PROBLEMS
from service.deps import Services, ServicesDep
from service.errors import NotReady
from service.schemas import ModelOut, ModelsOut, VersionDetail, VersionOut

router = APIRouter(prefix="/v1/models", tags=["models"], responses={404: PROBLEMS[404]})


@router.get("")
def list_models(services: ServicesDep) -> ModelsOut:
    """List all models of the store."""
    return ModelsOut(models=[_model(services, name) for name in services.store.names()])


@router.get("/{name}")
def show_model(name: str, services: ServicesDep) -> ModelOut:
    """Show one model: its versions and aliases."""
    return _model(services, check_name(name))


@router.get("/{name}/versions/{version}")
def show_version(name: str, version: int, services: ServicesDep) -> VersionDetail:
    """Show one version: its state here, its aliases, and its manifest with labels, metrics and provenance."""
    listed = _version(services, check_name(name), version)
    aliases = [alias for alias, target in services.store.aliases(name).items() if target == version]
    manifest = services.store.manifest(name, version)
    return VersionDetail(**listed.model_dump(), aliases=aliases, manifest=manifest)


def _model(services: Services, name: str) -> ModelOut:
    store = services.store
    versions = [_version(services, name, version) for version in store.versions(name)]
    return ModelOut(name=name, default=_is_default(services, name), aliases=store.aliases(name), versions=versions)


def _version(services: Services, name: str, version: int) -> VersionOut:
    manifest = services.store.manifest(name, version)
    state, reason = services.fleet.state(name, version)
    return VersionOut(
        version=version,
        state=state,
        reason=reason,
        created_at=manifest.created_at,
        classes=len(manifest.labels),
        accuracy=manifest.metrics.accuracy,
    )


def _is_default(services: Services, name: str) -> bool:
    try:
        return services.fleet.default.name == name
    except NotReady:
        return False
