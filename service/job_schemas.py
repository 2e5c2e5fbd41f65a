"""Jobs, as OpenAPI describes them."""

import json
import time
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from service.jobs.records import Format, Job
from service.schemas import ImageProblem, ModelUsed

JobState = Literal["queued", "running", "done", "failed", "cancelled"]


class JobOut(BaseModel):
    """A job, and how far it is."""

    id: str
    state: JobState
    model: ModelUsed = Field(description="The version that scores it, whatever its alias names meanwhile.")
    format: Format
    top_k: int
    total: int | None = Field(description="Its images; null until an archive was read.")
    done: int = Field(description="Images that were answered.")
    failed: int = Field(description="Images that were not; each has a row that says why.")
    partial: bool = Field(description="Whether the results are not those of all images: it failed, or was cancelled.")
    rate: float | None = Field(description="Images a second since it began.")
    time_left_s: float | None = Field(description="Seconds that it still takes at that rate.")
    results: str | None = Field(description="Where its results are, once they are there.")
    problem: ImageProblem | None = Field(description="Why it failed, or what it waits for.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None = Field(description="When it is removed, with its results.")

    @classmethod
    def of(cls, job: Job) -> "JobOut":
        """What is told of a job."""
        seen = job.done + job.failed
        rate = _rate(job, seen)
        left = None if job.ended or not rate or job.total is None else (job.total - seen) / rate
        return cls(
            id=job.id,
            state="queued" if job.state == "receiving" else job.state,
            model=ModelUsed(name=job.name, version=job.version, alias=job.alias),
            format=job.format,
            top_k=job.top_k,
            total=job.total,
            done=job.done,
            failed=job.failed,
            partial=job.partial,
            rate=rate and round(rate, 3),
            time_left_s=None if left is None else round(left, 1),
            results=job.results and f"/v1/jobs/{job.id}/results",
            problem=job.problem and ImageProblem.model_validate(json.loads(job.problem)),
            created_at=_when(job.created_at),
            started_at=job.started_at and _when(job.started_at),
            ended_at=job.ended_at and _when(job.ended_at),
            expires_at=job.expires_at and _when(job.expires_at),
        )


class JobsOut(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobOut]


def _rate(job: Job, seen: int) -> float | None:
    if job.started_at is None or not seen:
        return None
    return seen / max(1e-3, (job.ended_at or time.time()) - job.started_at)


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
