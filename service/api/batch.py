"""``predict/batch``: many images in one request, each answered by itself."""

import time
from collections.abc import Sequence
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
from service.uploads.reader import read_images
from service.uploads.upload import Upload
from service.waiting import wanted

router = APIRouter(tags=["predict"], responses=PROBLEMS)


DEFAULT_PATH, PATH = "/v1/predict/batch", "/v1/models/{ref}/predict/batch"


@router.post(DEFAULT_PATH, response_model=BatchResponse, openapi_extra=BATCH_BODY)
async def batch_default(request: Request, services: ServicesDep, ref: DefaultRefDep, top_k: TopK = TOP_K) -> Response:
    """Say what is in each of many images, by the default model."""
    return json_response(await predict_images(asked_of(request), services, ref, top_k))


@router.post(PATH, response_model=BatchResponse, openapi_extra=BATCH_BODY)
async def batch(request: Request, services: ServicesDep, ref: RefDep, top_k: TopK = TOP_K) -> Response:
    """Say what is in each of many images."""
    return json_response(await predict_images(asked_of(request), services, ref, top_k))


async def predict_images(asked: Asked, services: Services, ref: Ref, top_k: int) -> dict[str, object]:
    """The answers to many images, as members of BatchResponse; the ref must have been found answerable."""
    uploads = await read_images(asked, services.settings)
    deadline = time.monotonic() + services.settings.request_timeout_s
    return await wanted(asked, _answer(asked, services, ref, uploads, top_k, deadline), deadline)


async def _answer(
    asked: Asked, services: Services, ref: Ref, uploads: list[Upload], top_k: int, deadline: float
) -> dict[str, object]:
    noted = asked.state["noted"]
    with await services.fleet.lease(ref, asked.client) as lease:
        version = lease.resolved
        noted.update(model=f"{version.name}@{version.version}", images=len(uploads))
        outcomes = await services.pipeline.predict_many(lease.engine, uploads, top_k, deadline)
        _note(lease, outcomes)
    for upload, outcome in zip(uploads, outcomes, strict=True):
        if isinstance(outcome, Outcome):
            services.shadow.offer(version, upload, outcome.answer)
    failed = sum(isinstance(outcome, Problem) for outcome in outcomes)
    noted["failed"] = failed
    items = [
        item_of(index, upload.name, outcome)
        for index, (upload, outcome) in enumerate(zip(uploads, outcomes, strict=True))
    ]
    return {
        "id": asked.state["request_id"],
        "model": model_used(version),
        "results": items,
        "summary": {"ok": len(items) - failed, "failed": failed},
    }


def _note(lease: Lease, outcomes: Sequence[Outcome | Problem]) -> None:
    """What the images say of a canary; those that cannot be decoded say nothing."""
    for outcome in outcomes:
        if isinstance(outcome, Outcome):
            lease.note(outcome.timing.total)
        elif outcome.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            lease.note(None)
