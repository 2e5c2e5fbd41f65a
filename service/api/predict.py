"""``predict``: one image, one answer."""

import time

from fastapi import APIRouter, Request, Response

from models.refs import Ref
from service.api.documentation import PREDICT_BODY, PROBLEMS
from service.deps import DefaultRefDep, RefDep, Services, ServicesDep, TopK
from service.responses import json_response
from service.schemas import ImageAnswer, ModelUsed, PredictResponse
from service.uploads.reader import read_image
from service.uploads.upload import Upload
from service.waiting import wanted

router = APIRouter(tags=["predict"], responses=PROBLEMS)


@router.post("/v1/predict", response_model=PredictResponse, openapi_extra=PREDICT_BODY)
async def predict_default(request: Request, services: ServicesDep, ref: DefaultRefDep, top_k: TopK = 5) -> Response:
    """Say what is in one image, by the default model."""
    return await _predict(request, services, ref, top_k)


@router.post("/v1/models/{ref}/predict", response_model=PredictResponse, openapi_extra=PREDICT_BODY)
async def predict(request: Request, services: ServicesDep, ref: RefDep, top_k: TopK = 5) -> Response:
    """Say what is in one image."""
    return await _predict(request, services, ref, top_k)


async def _predict(request: Request, services: Services, ref: Ref, top_k: int) -> Response:
    upload = await read_image(request, services.settings)
    deadline = time.monotonic() + services.settings.request_timeout_s
    return json_response(await wanted(request, _answer(request, services, ref, upload, top_k, deadline), deadline))


async def _answer(
    request: Request, services: Services, ref: Ref, upload: Upload, top_k: int, deadline: float
) -> PredictResponse:
    lease = await services.fleet.lease(ref)
    model = ModelUsed.of(lease.resolved)
    request.state.noted.update(model=f"{model.name}@{model.version}", images=1, bytes=len(upload.data))
    outcome = await services.pipeline.predict(lease.engine, upload, top_k, deadline)
    return PredictResponse.model_validate(
        {"id": request.state.request_id, "model": model, **ImageAnswer.fields_of(outcome)}
    )
