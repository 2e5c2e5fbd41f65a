"""Changing the registry: aliases move through the gate, canaries begin, and all can go back in one call."""

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request

from models.aliases import ANY, Expected, remove_alias, rollback
from models.opening import prove_version
from models.promotion import Terms, promote, start_canary, terms_of
from models.refs import PRODUCTION, check_alias, check_name, parse_version
from service.api.documentation import problems
from service.api.models import Name, Version
from service.deps import Services, ServicesDep
from service.errors import MalformedRequest
from service.registry_schemas import (
    AliasChange,
    AliasOut,
    CheckOut,
    RemovedAliasOut,
    RemovedOut,
    RollbackIn,
    RollbackOut,
)

router = APIRouter(prefix="/v1/models", tags=["registry"], responses=problems(400, 404, 409, 503))

_WHO = "HTTP"
_WHY = Query(max_length=1000, description="For the audit log.")


_Alias = Annotated[str, Path(description="The alias that moves.", examples=["production"])]


@router.put("/{name}/aliases/{alias}")
async def move(name: Name, alias: _Alias, change: AliasChange, request: Request, services: ServicesDep) -> AliasOut:
    """Let an alias name a version, once that is proved and has passed the gate; or two, of which one is a canary.

    The service answers by it as soon as it is open, within about a second; the answers to images say which version gave
    them.
    """
    check_name(name)
    check_alias(alias)
    work = _promote if change.canary is None and change.percent is None else _start_canary
    return await asyncio.to_thread(work, services, name, alias, change, _who(request))


@router.delete("/{name}/aliases/{alias}")
async def remove_an_alias(
    name: Name, alias: _Alias, request: Request, services: ServicesDep, why: Annotated[str, _WHY] = ""
) -> RemovedAliasOut:
    """Let an alias name nothing any more; the version that it named stays."""
    check_alias(alias)
    work = partial(remove_alias, services.store, check_name(name), alias, who=_who(request), why=why)
    return RemovedAliasOut(alias=alias, before=await asyncio.to_thread(work))


@router.post("/{name}/rollback")
async def go_back(
    name: Name, request: Request, services: ServicesDep, asked: Annotated[RollbackIn | None, Body()] = None
) -> RollbackOut:
    """Put an alias, `production` by default, back to where it was before its last move; a canary just ends."""
    asked = asked or RollbackIn()
    who, why, alias = _who(request), asked.why, asked.alias or PRODUCTION
    left, now = await asyncio.to_thread(
        rollback, services.store, check_name(name), who=who, why=why, alias=alias, expect=_expected(asked.expect)
    )
    return RollbackOut(alias=alias, left=left, version=now)


@router.delete("/{name}/versions/{version}")
async def remove(
    name: Name, version: Version, request: Request, services: ServicesDep, why: Annotated[str, _WHY] = ""
) -> RemovedOut:
    """Delete a version that no alias names. What was asked of it is still answered: its engines close after that."""
    number = parse_version(version)
    await asyncio.to_thread(partial(services.store.remove, check_name(name), number, who=_who(request), why=why))
    await services.fleet.look()
    return RemovedOut(removed=number)


def _promote(services: Services, name: str, alias: str, change: AliasChange, who: str) -> AliasOut:
    if change.version is None:
        raise MalformedRequest("say which version, or which canary at which percentage")
    store, version = services.store, change.version
    terms = _terms(services, change)
    prove_version(store, name, version)
    verdict = promote(
        store,
        store.manifest(name, version),
        alias,
        who=who,
        why=change.why,
        expect=_expected(change.expect),
        terms=terms,
    )
    checks = [CheckOut.of(check) for check in verdict.checks]
    return AliasOut(alias=alias, target=version, before=verdict.before, checks=checks, note=verdict.note)


def _start_canary(services: Services, name: str, alias: str, change: AliasChange, who: str) -> AliasOut:
    store, canary, percent = services.store, change.canary, change.percent
    if change.version is not None or canary is None or percent is None:
        raise MalformedRequest("a canary is begun by its number and a percentage, without a version")
    prove_version(store, name, canary)
    candidate, expect, why = store.manifest(name, canary), _expected(change.expect), change.why
    terms = _terms(services, change)
    target = start_canary(store, candidate, alias, percent, who=who, why=why, expect=expect, terms=terms)
    return AliasOut(alias=alias, target=target.written, before=target.version, checks=[])


def _terms(services: Services, change: AliasChange) -> Terms:
    policy = services.settings.promotion
    return terms_of(policy, new_labels=change.new_labels, force=change.force, why=change.why)


def _expected(expect: int | str | None) -> Expected:
    return ANY if expect == ANY else expect if isinstance(expect, int) else None


def _who(request: Request) -> str:
    """The key that asked, else that it came by HTTP."""
    return str(request.scope["state"].get("key") or _WHO)
