"""The answers of HTTP version 1, as OpenAPI describes them."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from models.store import Resolved
from service.errors import Problem
from service.inference.pipeline import Outcome


class ModelUsed(BaseModel):
    """The version that really answered, and the alias by which it was found."""

    name: str
    version: int
    alias: str | None


class PredictionOut(BaseModel):
    """One class of the top k; ``score`` is a calibrated probability."""

    label: str
    index: int
    score: float


class ImageOut(BaseModel):
    """What the file said, before EXIF orientation."""

    format: str
    width: int
    height: int


class TimingOut(BaseModel):
    """Where the time went, in milliseconds; ``inference`` is that of the whole batch."""

    decode: float
    queue: float
    inference: float
    total: float


_Decision = Annotated[
    Literal["accept", "review"],
    Field(
        description="accept: the validation split proved that answers like this one are right as often as the "
        "manifest's decision.target says: those of its label, or, where it has no threshold of its own, of the labels "
        "that share one. review: it did not, and a person should look. Of an imported version nothing was proved: it "
        "accepts what reaches the threshold that whoever imported it chose, and nothing where they chose none."
    ),
]
_Candidates = Annotated[
    list[str] | None,
    Field(
        description="The labels that it may be, the likeliest first, however many top_k asks for: such a set holds "
        "the right label as often as the manifest's conformal.coverage says, on images like those of the training. "
        "The best guess is always one of them. Null for a version without conformal sets.",
        examples=[["cat", "dog"]],
    ),
]


class ImageAnswer(BaseModel):
    """What is in one image, and how sure the model is."""

    label: str
    score: float
    decision: _Decision
    candidates: _Candidates
    predictions: list[PredictionOut]
    image: ImageOut
    timing_ms: TimingOut


class _Head(BaseModel):
    id: str
    model: ModelUsed


class PredictResponse(ImageAnswer, _Head):
    """The answer to one image; ``id`` is the request's, as in the log."""


class ImageProblem(BaseModel):
    """What was wrong with one image: the members of a problem of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


class ProblemOut(ImageProblem):
    """The answer to a request that failed, as ``application/problem+json``."""

    request_id: str


class _Place(BaseModel):
    index: int
    name: str | None


class _Answered(_Place):
    status: Literal["ok"] = "ok"


class BatchItem(ImageAnswer, _Answered):
    """An image of a batch that was answered; ``index`` is its place among those sent."""


class BatchFailure(_Place):
    """An image of a batch that was not; it changes nothing for the others."""

    status: Literal["error"] = "error"
    error: ImageProblem


class BatchSummary(BaseModel):
    """How many images were answered and how many were not."""

    ok: int
    failed: int


class BatchResponse(BaseModel):
    """The answers to many images, in the order sent."""

    id: str
    model: ModelUsed
    results: list[BatchItem | BatchFailure]
    summary: BatchSummary


class WorkersOut(BaseModel):
    """How many processes of the service have their default model ready, and how many there are to be."""

    ready: int
    of: int


class ReadyResponse(BaseModel):
    """The process that was asked is ready; of the others it tells what they last said."""

    status: Literal["ready"] = "ready"
    workers: WorkersOut


# The answers to images are made as plain members: to validate each of them would take as long as a small graph runs. A
# test holds them against the schemas above.


def model_used(resolved: Resolved) -> dict[str, object]:
    """The members of ModelUsed."""
    return {"name": resolved.name, "version": resolved.version, "alias": resolved.alias}


def members_of(outcome: Outcome) -> dict[str, object]:
    """The members of ImageAnswer."""
    answer, image, timing = outcome.answer, outcome.image, outcome.timing
    return {
        "label": answer.label,
        "score": answer.score,
        "decision": answer.decision,
        "candidates": answer.candidates,
        "predictions": [{"label": p.label, "index": p.index, "score": p.score} for p in answer.predictions],
        "image": {"format": image.format, "width": image.width, "height": image.height},
        "timing_ms": {
            "decode": _ms(timing.decode),
            "queue": _ms(timing.queue),
            "inference": _ms(timing.inference),
            "total": _ms(timing.total),
        },
    }


def item_of(index: int, name: str | None, outcome: Outcome | Problem) -> dict[str, object]:
    """The members of BatchItem, or of BatchFailure."""
    place: dict[str, object] = {"index": index, "name": name}
    if isinstance(outcome, Problem):
        return {**place, "status": "error", "error": outcome.members()}
    return {**place, "status": "ok", **members_of(outcome)}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
