"""The registry, read only: models, versions, aliases, and what this process makes of them."""

from typing import Annotated

from fastapi import APIRouter, Path

from models.errors import BundleError, StoreUnavailable
from models.refs import check_name, parse_version
from service.api.documentation import problems
from service.deps import Services, ServicesDep
from service.errors import NotReady
from service.registry_schemas import ChangeOut, ModelOut, ModelsOut, Running, VersionDetail, VersionOut

router = APIRouter(prefix="/v1/models", tags=["models"], responses=problems(400, 404, 503))

Name = Annotated[str, Path(description="The name of a model.", examples=["cifar10"])]
Version = Annotated[str, Path(description="A positive integer.", examples=["1"])]


@router.get("")
def list_models(services: ServicesDep) -> ModelsOut:
    """List all models of the store."""
    return ModelsOut(models=[_model(services, name) for name in services.store.names()])


@router.get("/{name}")
def show_model(name: Name, services: ServicesDep) -> ModelOut:
    """Show one model: its versions and aliases."""
    return _model(services, check_name(name))


@router.get("/{name}/versions/{version}")
def show_version(name: Name, version: Version, services: ServicesDep) -> VersionDetail:
    """Show one version: its state here, its aliases, and its manifest with labels, metrics and provenance."""
    number = parse_version(version)
    listed = _version(services, check_name(name), number)
    aliases = [alias for alias, target in services.store.targets(name).items() if number in target.versions]
    manifest = services.store.manifest(name, number)
    return VersionDetail(**listed.model_dump(), aliases=aliases, manifest=manifest)


@router.get("/{name}/history")
def show_history(name: Name, services: ServicesDep) -> list[ChangeOut]:
    """Show who changed what of a model, when and why, the last change first."""
    return [ChangeOut.model_validate(entry) for entry in reversed(services.store.history(check_name(name)))]


def _model(services: Services, name: str) -> ModelOut:
    store = services.store
    versions = [_version(services, name, version) for version in store.versions(name)]
    aliases = {alias: target.written for alias, target in store.targets(name).items()}
    answered_by = {alias: target.written for alias, target in services.fleet.answered_by(name).items()}
    default = _is_default(services, name)
    return ModelOut(name=name, default=default, aliases=aliases, answered_by=answered_by, versions=versions)


def _version(services: Services, name: str, version: int) -> VersionOut:
    state, reason = services.fleet.state(name, version)
    try:
        manifest = services.store.manifest(name, version)
    except BundleError as error:  # one broken version must not hide the others
        return VersionOut(version=version, state="failed", reason=str(error))
    except StoreUnavailable:  # nor one whose manifest was never read, while the store is away
        return VersionOut(version=version, state=state, reason=reason or "the store is away")
    return VersionOut(
        version=version,
        state=state,
        reason=reason,
        running=_running(services, name, version),
        created_at=manifest.created_at,
        classes=len(manifest.labels),
        accuracy=manifest.accuracy,
    )


def _running(services: Services, name: str, version: int) -> Running | None:
    engine = services.fleet.engine(name, version)
    return None if engine is None else Running(precision=engine.precision, device=engine.device)


def _is_default(services: Services, name: str) -> bool:
    try:
        return services.fleet.default.name == name
    except (NotReady, StoreUnavailable):
        return False
