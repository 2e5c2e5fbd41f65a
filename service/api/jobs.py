"""``jobs``: many images, accepted once, scored whatever dies meanwhile, and fetched when they are done."""

import re
import time
from collections.abc import AsyncGenerator
from importlib.util import find_spec
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.responses import FileResponse
from starlette.types import Scope

from models.refs import Ref, parse_ref
from models.store import Resolved
from service.api.documentation import JOB_BODY, RESULTS, problems
from service.asked import asked_of
from service.deps import TOP_K, Services, ServicesDep, TopK
from service.errors import JobNotFound, JobUnfinished, MalformedRequest, RangeUnsatisfiable, problem_of
from service.job_schemas import JobOut, JobsOut
from service.jobs.acceptance import Wanted
from service.jobs.records import Format, Job
from service.responses import json_response, noted_problem
from service.streaming import EventsResponse, asks_for_events
from service.waiting import wanted

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=problems(400, 404, 409, 413, 415, 422, 429, 503, 507))

_MEDIA_TYPES: dict[Format, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_RANGE = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")
_LONGEST_WAIT_S, _LONGEST_STREAM_S, _SILENCE_S = 60, 3600, 15

_Job = Annotated[str, Path(description="The id of a job.", examples=["0123456789abcdef0123456789abcdef"])]
_Model = Annotated[str | None, Query(description="name, name@version or name@alias; the default model when left out.")]
_FileFormat = Annotated[Format, Query(alias="format", description="Of the results.")]
_OnceKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Any text of the client's own: sent again with the same images, it gives the same job.",
    ),
]
_Wait = Annotated[
    float, Query(ge=0, le=_LONGEST_WAIT_S, description="Seconds to wait for the end of the job, and for its results.")
]
_Most = Annotated[int, Query(ge=1, le=1000, description="How many jobs to list at most.")]
_Before = Annotated[str | None, Query(description="Only jobs that are older than the one with this id.")]


@router.post("", status_code=202, response_model=JobOut, openapi_extra=JOB_BODY)
async def create(
    request: Request,
    services: ServicesDep,
    model: _Model = None,
    file_format: _FileFormat = "ndjson",
    top_k: TopK = TOP_K,
    idempotency_key: _OnceKey = None,
) -> Response:
    """Accept many images to be scored; from the answer on the job is done, whatever dies."""
    if file_format == "parquet" and find_spec("pyarrow") is None:
        raise MalformedRequest("this service has no pyarrow, which writes Parquet: take ndjson or csv")
    ref = services.fleet.default if model is None else parse_ref(model)
    asked = Wanted(_owner(request), _pinned(services, ref), file_format, top_k, idempotency_key, str(ref))
    job = await services.jobs.accept(asked_of(request), asked)
    request.scope["state"]["noted"].update(model=f"{job.name}@{job.version}", job=job.id)
    return _answer(job, 202, {"location": f"{router.prefix}/{job.id}"})


@router.get("")
async def list_jobs(request: Request, services: ServicesDep, limit: _Most = 100, before: _Before = None) -> JobsOut:
    """List the jobs of the key that asks, the newest first; without keys all of them."""
    owner = _owner(request)
    since = None if before is None else (await _find(services, before, owner)).created_at
    return JobsOut(jobs=[JobOut.of(job) for job in await services.jobs.list(owner, limit, since)])


@router.get("/{job}", response_model=JobOut)
async def show(request: Request, services: ServicesDep, job: _Job, wait: _Wait = 0) -> Response:
    """Show a job: at once, when it has ended (`wait`), or at each change (`Accept: text/event-stream`)."""
    found = await _find(services, job, _owner(request))
    asked = asked_of(request)
    if asks_for_events(request.scope):
        until = time.monotonic() + _LONGEST_STREAM_S + _SILENCE_S
        return EventsResponse(asked, _events(services, found), until)
    if wait:
        found = await wanted(asked, _ended(services, found, wait), time.monotonic() + 2 * _LONGEST_WAIT_S)
    return _answer(found)


@router.delete("/{job}", response_model=JobOut)
async def cancel(request: Request, services: ServicesDep, job: _Job) -> Response:
    """Stop a job within seconds. What is done of it is kept, marked as partial; one that has ended stays as it is."""
    return _answer(await services.jobs.cancel(_id(job), _owner(request)))


@router.get("/{job}/results", response_class=Response, responses=RESULTS | problems(416))
async def results(request: Request, services: ServicesDep, job: _Job) -> Response:
    """Download the rows of a job that has ended, in the order of its images. A download that broke off is resumed.

    `Range`, `If-Range` and `ETag` are as HTTP has them. The header `x-job-partial` is `true` where the job failed or
    was cancelled.
    """
    found = await _find(services, job, _owner(request))
    path = services.jobs.results(found)
    headers = {
        "etag": f'"{path.name}"',
        "x-job-state": found.state,
        "x-job-partial": str(found.partial).lower(),
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-cache",
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(None, 304, headers)
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise JobUnfinished("the results of this job are gone") from None
    if not _keep_simple_range(request.scope, stat.st_size):
        problem = problem_of(RangeUnsatisfiable(f"the results have {stat.st_size:,} bytes"))
        return noted_problem(request.scope, problem, {"content-range": f"bytes */{stat.st_size}"})
    name = f"{found.id}.{found.format}"
    return FileResponse(path, 200, headers, _MEDIA_TYPES[found.format], filename=name, stat_result=stat)


def _keep_simple_range(scope: Scope, size: int) -> bool:
    """Whether what is asked for is there; of anything but one plain range all is sent, as RFC 9110 (14.2) allows."""
    asked = next((value for name, value in scope["headers"] if name == b"range"), b"")
    found = _RANGE.fullmatch(asked)
    if found and found[1]:
        begin, end = int(found[1]), int(found[2] or found[1])
        if begin <= end:
            return begin < size
    if not (found and found[2] and int(found[2])):
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"range"]
    return True


async def _find(services: Services, job: str, owner: str) -> Job:
    return await services.jobs.find(_id(job), owner)


async def _ended(services: Services, job: Job, wait: float) -> Job:
    async for change in services.jobs.changes(job, wait, wait):
        job = change or job
    return job


async def _events(services: Services, job: Job) -> AsyncGenerator[object, None]:
    yield JobOut.of(job).model_dump(mode="json")
    async for change in services.jobs.changes(job, _LONGEST_STREAM_S, _SILENCE_S):
        yield change and JobOut.of(change).model_dump(mode="json")


def _owner(request: Request) -> str:
    """The id of the key that asks; empty where there are none."""
    return request.scope["state"].get("key") or ""


def _id(job: str) -> str:
    """What may be the id of a job: a database may not even be asked for some texts."""
    if len(job) != 32 or not set(job) <= set("0123456789abcdef"):
        raise JobNotFound("there is no such job")
    return job


def _pinned(services: Services, ref: Ref) -> Resolved:
    """The version that scores the whole job, the incumbent where there is a canary; raises NotFound."""
    found = services.fleet.find(ref)
    return Resolved(ref.name, found.target.version, found.alias)


def _answer(job: Job, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    response = json_response(JobOut.of(job).model_dump(mode="json"))
    response.status_code = status
    response.headers.update(headers or {})
    return response
