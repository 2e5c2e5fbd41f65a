"""``predict/batch``: many images in one request, each answered by itself."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from models.refs import Ref
from service.api.documentation import BATCH_BODY, PROBLEMS
from service.asked import Asked, asked_of
from service.deps import TOP_K, DefaultRefDep, RefDep, Services, ServicesDep, TopK
from service.errors import Problem
from service.inference.lease import Lease
from service.inference.pipeline import Outcome
from service.responses import json_response
from service.schemas import BatchResponse, item_of, model_used
from service.streaming import LinesResponse, asks_for_lines
from service.uploads.reader import read_images
from service.uploads.upload import Upload
from service.waiting import wanted

router = APIRouter(tags=["predict"], responses=PROBLEMS)


DEFAULT_PATH, PATH = "/v1/predict/batch", "/v1/models/{ref}/predict/batch"


@router.post(DEFAULT_PATH, response_model=BatchResponse, openapi_extra=BATCH_BODY)
async def batch_default(request: Request, services: ServicesDep, ref: DefaultRefDep, top_k: TopK = TOP_K) -> Response:
    """Say what is in each of many images, by the default model."""
    return await _respond(asked_of(request), services, ref, top_k)


@router.post(PATH, response_model=BatchResponse, openapi_extra=BATCH_BODY)
async def batch(request: Request, services: ServicesDep, ref: RefDep, top_k: TopK = TOP_K) -> Response:
    """Say what is in each of many images.

    With `Accept: application/x-ndjson` each result is sent as a line of its own as soon as it is ready, in whatever
    order; the last line has the members `id`, `model` and `summary`.
    """
    return await _respond(asked_of(request), services, ref, top_k)


async def predict_images(asked: Asked, services: Services, ref: Ref, top_k: int) -> dict[str, object]:
    """The answers to many images, as members of BatchResponse; the ref must have been found answerable."""
    uploads = await read_images(asked, services.settings)
    deadline = time.monotonic() + services.settings.request_timeout_s
    return await wanted(asked, _answer(asked, services, ref, uploads, top_k, deadline), deadline)


async def _respond(asked: Asked, services: Services, ref: Ref, top_k: int) -> Response:
    if not asks_for_lines(asked.scope):
        return json_response(await predict_images(asked, services, ref, top_k))
    uploads = await read_images(asked, services.settings)
    deadline = time.monotonic() + services.settings.request_timeout_s
    return LinesResponse(asked, _lines(asked, services, ref, uploads, top_k, deadline), deadline)


async def _lines(
    asked: Asked, services: Services, ref: Ref, uploads: list[Upload], top_k: int, deadline: float
) -> AsyncGenerator[object, None]:
    with await services.fleet.lease(ref, asked.client) as lease:
        noted, failed = _noted(asked, lease, uploads), 0
        each = services.pipeline.predict_each(lease.engine, uploads, top_k, deadline)
        async with aclosing(each) as outcomes:
            async for place, outcome in outcomes:
                failed += isinstance(outcome, Problem)
                noted["failed"] = failed
                _note(services, lease, [uploads[place]], [outcome])
                yield item_of(place, uploads[place].name, outcome)
        yield _whole(asked, lease, len(uploads), failed)


async def _answer(
    asked: Asked, services: Services, ref: Ref, uploads: list[Upload], top_k: int, deadline: float
) -> dict[str, object]:
    with await services.fleet.lease(ref, asked.client) as lease:
        noted = _noted(asked, lease, uploads)
        outcomes = await services.pipeline.predict_many(lease.engine, uploads, top_k, deadline)
        _note(services, lease, uploads, outcomes)
    noted["failed"] = failed = sum(isinstance(outcome, Problem) for outcome in outcomes)
    items = [
        item_of(index, upload.name, outcome)
        for index, (upload, outcome) in enumerate(zip(uploads, outcomes, strict=True))
    ]
    whole = _whole(asked, lease, len(uploads), failed)
    return {"id": whole["id"], "model": whole["model"], "results": items, "summary": whole["summary"]}


def _noted(asked: Asked, lease: Lease, uploads: list[Upload]) -> dict[str, object]:
    """What the log line says of a batch."""
    noted: dict[str, object] = asked.state["noted"]
    noted.update(model=f"{lease.resolved.name}@{lease.resolved.version}", images=len(uploads))
    return noted


def _whole(asked: Asked, lease: Lease, images: int, failed: int) -> dict[str, object]:
    """What is said of all images together."""
    return {
        "id": asked.state["request_id"],
        "model": model_used(lease.resolved),
        "summary": {"ok": images - failed, "failed": failed},
    }


def _note(services: Services, lease: Lease, uploads: list[Upload], outcomes: Sequence[Outcome | Problem]) -> None:
    """What the images say of a canary, and to a shadow; those that cannot be decoded say nothing."""
    for upload, outcome in zip(uploads, outcomes, strict=True):
        if isinstance(outcome, Outcome):
            lease.answered(outcome.timing)
            services.shadow.offer(lease.resolved, upload, outcome.answer)
        elif outcome.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            lease.failed()
