"""What a challenger says of live images: the report, and the images that were kept."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response

from models.errors import DocumentNotFound
from models.refs import check_name
from service.api.documentation import problems
from service.api.models import Name
from service.deps import Services, ServicesDep
from service.observability.tallies import Counter
from service.registry_schemas import DisagreementOut, ExampleOut, ShadowOut

_Example = Annotated[
    str,
    Path(description="The id of an image.", pattern="^[0-9a-f]{32}$", examples=["0123456789abcdef0123456789abcdef"]),
]

router = APIRouter(prefix="/v1/models", tags=["registry"], responses=problems(400, 404, 503))


@router.get("/{name}/shadow")
async def report(name: Name, services: ServicesDep) -> list[ShadowOut]:
    """Show how the version that the alias `shadow` names answers live images, beside those that answered them."""
    await asyncio.to_thread(services.store.versions, check_name(name))
    metrics = services.metrics
    counted = list(_of(services, metrics.shadowed, name))
    pairs = sorted({pair for pair, *_ in counted})
    return [_report(services, name, pair, counted) for pair in pairs]


@router.get("/{name}/shadow/examples/{example}", response_class=Response)
def show_example(name: Name, example: _Example, services: ServicesDep) -> Response:
    """Show an image on which the two disagreed, as it was sent."""
    data = services.shadow.examples.read(check_name(name), example)
    if data is None:
        raise DocumentNotFound(f"there is no such example of {name}")
    # Never as what it claims to be: it came from strangers.
    headers = {"content-disposition": f'attachment; filename="{example}"', "x-content-type-options": "nosniff"}
    return Response(data, media_type="application/octet-stream", headers=headers)


_Pair = tuple[str, str]  # the version that answered, and its challenger


def _of(services: Services, counter: Counter, model: str) -> Iterator[tuple[_Pair, tuple[str, ...], int]]:
    numbers: Mapping[tuple[str, ...], Sequence[float]] = services.metrics.total(counter)
    for (of, version, challenger, *rest), (count,) in numbers.items():
        if of == model:
            yield (version, challenger), tuple(rest), int(count)


def _report(
    services: Services, name: str, pair: _Pair, counted: Sequence[tuple[_Pair, tuple[str, ...], int]]
) -> ShadowOut:
    metrics = services.metrics
    outcomes = {outcome: count for of, (outcome,), count in counted if of == pair}
    labels = [(told, count) for of, told, count in _of(services, metrics.shadow_labels, name) if of == pair]
    disagreements = [
        DisagreementOut(label=label, challenger_label=other, images=count)
        for (label, other), count in sorted(labels, key=lambda each: -each[1])
    ]
    decisions = {
        f"{was} to {said}": count
        for of, (was, said), count in _of(services, metrics.shadow_decisions, name)
        if of == pair
    }
    examples = [
        ExampleOut(id=each.id, label=each.label, challenger_label=each.challenger_label, bytes=each.bytes)
        for each in services.shadow.examples.list(name)
        if (each.version, each.challenger) == pair
    ]
    return ShadowOut(
        version=int(pair[0]),
        challenger=int(pair[1]),
        agreed=outcomes.get("agreed", 0),
        disagreed=outcomes.get("disagreed", 0),
        skipped=outcomes.get("skipped", 0),
        failed=outcomes.get("failed", 0),
        disagreements=disagreements,
        decisions=decisions,
        examples=examples,
    )
