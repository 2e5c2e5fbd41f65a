"""What can go wrong with a request, and the one table from error to status.

WhatsitError (models.errors)
└── RequestError
    ├── Unauthenticated        no key, or none that is known
    ├── ScopeMissing           the key is not good for this
    ├── RateExceeded           the key asks more often than it may; has retry_after
    ├── ForeignRequest         without keys: sent by a page of somebody else, or to another host
    ├── MalformedRequest       the body, a field or a parameter is not what the endpoint takes
    ├── ArchiveRefused         an archive is broken, or asks for more than it may
    ├── UnsupportedContent     the content type is none of those that the endpoint takes
    ├── BodyTooLarge           more bytes than the endpoint takes
    ├── TooManyImages          more images than one request may hold
    ├── BodyTimeout            the body did not arrive in time
    ├── Full                   no permit: a new image would wait longer than its deadline; has retry_after
    ├── NotReady               the default model is not proved yet, or a version failed its proof
    ├── Unloaded               the version is to answer nobody until it is loaded again
    ├── Draining               the service is shutting down
    ├── DeadlinePassed         no answer within the request's time
    ├── InferenceFailed        the graph failed on this image, alone
    ├── JobNotFound            no such job, or that of another key
    ├── JobUnfinished          the results of a job are not there yet, or will never be
    ├── RangeUnsatisfiable     the results have no such part
    ├── KeyReused              an Idempotency-Key that was used for another job
    ├── InputMissing           the input store has nothing under a key
    ├── JobsUnavailable        the state of jobs, or their input store, cannot be reached
    ├── DiskFull               no room for the files of jobs
    ├── JobLost                files of a job are gone, or every process died of it
    └── ClientLeft             nobody waits for the answer any more

The answer is a problem of RFC 9457, in the shape that its path demands (service.responses); it says nothing of the
server's insides.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from models import errors as domain
from models.policy import Check


class RequestError(domain.WhatsitError):
    """The root of what the service itself refuses."""


class Unauthenticated(RequestError):
    """No key, or none that is known."""


class ScopeMissing(RequestError):
    """The key is not good for this."""


class RateExceeded(RequestError):
    """The key asks more often than it may; ``retry_after`` is in whole seconds."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ForeignRequest(RequestError):
    """Without keys: sent by a page of somebody else, or to another host."""


class MalformedRequest(RequestError):
    """The body, a field or a parameter is not what the endpoint takes."""


class ArchiveRefused(RequestError):
    """An archive is broken, or asks for more than it may."""


class UnsupportedContent(RequestError):
    """The content type is none of those that the endpoint takes."""


class BodyTooLarge(RequestError):
    """More bytes than the endpoint takes."""


class TooManyImages(RequestError):
    """More images than one request may hold."""


class BodyTimeout(RequestError):
    """The body did not arrive in time."""


class Full(RequestError):
    """No permit; ``retry_after`` is in whole seconds."""

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class NotReady(RequestError):
    """The default model is not proved yet, or a version failed its proof."""


class Unloaded(RequestError):
    """The version is to answer nobody until it is loaded again."""


class Draining(RequestError):
    """The service is shutting down."""


class DeadlinePassed(RequestError):
    """No answer within the request's time."""


class InferenceFailed(RequestError):
    """The graph failed on this image, alone."""


class JobNotFound(RequestError):
    """No such job, or that of another key."""


class JobUnfinished(RequestError):
    """The results of a job are not there yet, or will never be."""


class RangeUnsatisfiable(RequestError):
    """The results have no such part."""


class KeyReused(RequestError):
    """An Idempotency-Key that was used for another job."""


class InputMissing(RequestError):
    """The input store has nothing under a key."""


class JobsUnavailable(RequestError):
    """The state of jobs, or their input store, cannot be reached."""


class DiskFull(RequestError):
    """No room for the files of jobs."""


class JobLost(RequestError):
    """Files of a job are gone, or every process died of it."""


class ClientLeft(RequestError):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The members of RFC 9457, ``type`` without its prefix; ``more`` are those of this type alone."""

    status: int
    type: str
    title: str
    detail: str
    retry_after: int | None = None
    more: Mapping[str, object] = field(default_factory=dict)

    def members(self) -> dict[str, object]:
        """The JSON object, without the request's id."""
        return {
            "type": f"urn:whatsit:problem:{self.type}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }

    def body(self, request_id: str) -> bytes:
        """The whole answer."""
        return json.dumps(self.members() | {"request_id": request_id}).encode()


# The first row that an error is an instance of counts.
_TABLE: tuple[tuple[type[Exception], int, str, str], ...] = (
    (domain.InvalidRef, 400, "invalid-ref", "Not a model ref"),
    (domain.NotFound, 404, "not-found", "No such model, version or alias"),
    (domain.Conflict, 409, "conflict", "Conflict"),
    (domain.ReasonMissing, 400, "reason-missing", "A reason is missing"),
    (domain.ImportRefused, 422, "import-refused", "Not a classifier that can be imported"),
    (domain.GoldenUnusable, 422, "golden-unusable", "The golden images cannot be used"),
    (domain.KeyUnusable, 500, "key-unusable", "The key to sign with, or to trust, cannot be used"),
    (domain.InvalidLocation, 500, "invalid-location", "No store can be there"),
    (domain.InvalidPolicy, 500, "invalid-policy", "The gate's table makes no sense"),
    (domain.PromotionRefused, 409, "promotion-refused", "The alias must not move there"),
    (domain.UnsupportedFormat, 415, "unsupported-format", "Not an accepted image format"),
    (domain.ImageTooLarge, 413, "image-too-large", "Image too large"),
    (domain.UndecodableImage, 422, "undecodable-image", "Image cannot be decoded"),
    (domain.StoreUnavailable, 503, "store-unavailable", "The store cannot be read"),
    (domain.BundleError, 503, "version-refused", "The version failed its proof"),
    (domain.DeviceUnavailable, 503, "device-unavailable", "The device is not there"),
    (ArchiveRefused, 422, "archive-refused", "The archive cannot be used"),
    (Unauthenticated, 401, "unauthenticated", "No valid key"),
    (ScopeMissing, 403, "scope-missing", "The key is not good for this"),
    (RateExceeded, 429, "rate-exceeded", "The key asks too often"),
    (ForeignRequest, 403, "foreign-request", "Not from here"),
    (MalformedRequest, 400, "malformed-request", "Malformed request"),
    (UnsupportedContent, 415, "unsupported-content-type", "Content type not accepted"),
    (BodyTooLarge, 413, "body-too-large", "Body too large"),
    (TooManyImages, 413, "too-many-images", "Too many images"),
    (BodyTimeout, 408, "body-timeout", "The body took too long"),
    (Full, 429, "full", "Full"),
    (NotReady, 503, "not-ready", "Not ready"),
    (Unloaded, 503, "unloaded", "Version unloaded"),
    (Draining, 503, "draining", "Shutting down"),
    (DeadlinePassed, 504, "deadline-passed", "Deadline passed"),
    (InferenceFailed, 500, "inference-failed", "Inference failed"),
    (JobNotFound, 404, "job-not-found", "No such job"),
    (JobUnfinished, 409, "job-unfinished", "The job has no results"),
    (RangeUnsatisfiable, 416, "range-unsatisfiable", "No such part"),
    (KeyReused, 422, "idempotency-key-reused", "The Idempotency-Key was used before"),
    (InputMissing, 404, "input-not-found", "No such image in the input store"),
    (JobsUnavailable, 503, "jobs-unavailable", "Jobs are not available"),
    (DiskFull, 507, "disk-full", "The disk is full"),
    (JobLost, 500, "job-lost", "The job cannot be done"),
    (ClientLeft, 499, "client-left", "The client left"),
)
LATE = "no answer within the time that a request may take; send fewer or smaller images"
INTERNAL = Problem(500, "internal", "Internal error", "the service failed; its log has the request's id")
# Errors whose texts speak of the operator's files, not of the request.
_PRIVATE = (
    *(domain.StoreUnavailable, domain.BundleError, domain.DeviceUnavailable, domain.KeyUnusable),
    JobsUnavailable,
)


def _more(error: Exception) -> dict[str, object]:
    """What the gate found out."""
    if not isinstance(error, domain.PromotionRefused) or not error.checks:
        return {}
    checks = [check for check in error.checks if isinstance(check, Check)]
    return {"checks": [{**asdict(check), "passed": check.passed} for check in checks]}


def problem_of(error: Exception) -> Problem:
    """The answer to ``error``; INTERNAL for one that is not in the table."""
    for kind, status, name, title in _TABLE:
        if isinstance(error, kind):
            detail = f"{title.lower()}; the service's log says why" if isinstance(error, _PRIVATE) else str(error)
            return Problem(status, name, title, detail, getattr(error, "retry_after", None), _more(error))
    return INTERNAL
