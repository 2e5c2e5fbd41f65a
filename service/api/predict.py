"""``predict``: one image, one answer."""

import time

from fastapi import APIRouter, Request, Response

from models.refs import Ref
from service.api.documentation import PREDICT_BODY, PROBLEMS
from service.asked import Asked, asked_of
from service.deps import TOP_K, DefaultRefDep, RefDep, Services, ServicesDep, TopK
from service.responses import json_response
from service.schemas import PredictResponse, members_of, model_used
from service.uploads.reader import read_image
from service.uploads.upload import Upload
from service.waiting import wanted

router = APIRouter(tags=["predict"], responses=PROBLEMS)


DEFAULT_PATH, PATH = "/v1/predict", "/v1/models/{ref}/predict"


@router.post(DEFAULT_PATH, response_model=PredictResponse, openapi_extra=PREDICT_BODY)
async def predict_default(request: Request, services: ServicesDep, ref: DefaultRefDep, top_k: TopK = TOP_K) -> Response:
    """Say what is in one image, by the default model."""
    return json_response(await predict_image(asked_of(request), services, ref, top_k))


@router.post(PATH, response_model=PredictResponse, openapi_extra=PREDICT_BODY)
async def predict(request: Request, services: ServicesDep, ref: RefDep, top_k: TopK = TOP_K) -> Response:
    """Say what is in one image."""
    return json_response(await predict_image(asked_of(request), services, ref, top_k))


async def predict_image(asked: Asked, services: Services, ref: Ref, top_k: int) -> dict[str, object]:
    """The answer to one image, as members of PredictResponse; the ref must have been found answerable."""
    upload = await read_image(asked, services.settings)
    deadline = time.monotonic() + services.settings.request_timeout_s
    return await wanted(asked, _answer(asked, services, ref, upload, top_k, deadline), deadline)


async def _answer(
    asked: Asked, services: Services, ref: Ref, upload: Upload, top_k: int, deadline: float
) -> dict[str, object]:
    state = asked.state
    with await services.fleet.lease(ref, asked.client) as lease:
        version = lease.resolved
        state["noted"].update(model=f"{version.name}@{version.version}", images=1, bytes=len(upload.data))
        outcome = await services.pipeline.predict(lease.engine, upload, top_k, deadline)
        lease.answered(outcome.timing)
    services.shadow.offer(version, upload, outcome.answer)
    return {"id": state["request_id"], "model": model_used(version), **members_of(outcome)}
