"""What is known of a job."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from models.store import Resolved

State = Literal["receiving", "queued", "running", "done", "failed", "cancelled"]
# What is to be done next, by whoever takes it.
Phase = Literal["receive", "unpack", "score", "assemble", "over"]
Format = Literal["ndjson", "csv", "parquet"]
# Where its images are: in an archive that nobody has read yet, in its spool, or at keys of the input store.
Source = Literal["archive", "spool", "keys"]

UNFINISHED: tuple[State, ...] = ("receiving", "queued", "running")


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the ledger. Times are seconds since 1970; ``total`` is None until the images were counted.

    ``done`` images were answered and ``failed`` ones were not. ``problem`` are the members of one as JSON: why the job
    failed, or what it waits for. ``attempts`` counts how often its phase was begun, and not ended in order.
    """

    id: str
    store: str
    owner: str
    name: str
    version: int
    alias: str | None
    format: Format
    top_k: int
    state: State
    phase: Phase
    source: Source
    inputs: str | None
    total: int | None
    done: int
    failed: int
    problem: str | None
    results: str | None
    digest: str | None
    idempotency_key: str | None
    attempts: int
    created_at: float
    started_at: float | None
    ended_at: float | None
    expires_at: float | None

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state not in UNFINISHED

    @property
    def over(self) -> bool:
        """Whether its results are there as well, as far as there will be any."""
        return self.phase == "over"

    @property
    def partial(self) -> bool:
        """Whether its results are not those of all its images."""
        return self.state in {"failed", "cancelled"}


class Plan(NamedTuple):
    """Images that are scored together: so many from the ``first`` on, whose line in the index begins at ``at``."""

    first: int
    images: int
    at: int


class Place(NamedTuple):
    """Which chunk of which job."""

    job_id: str
    first: int


class Chunk(NamedTuple):
    """A chunk that this process holds; ``attempts`` is 1 when nobody held it before and died."""

    job: Job
    plan: Plan
    attempts: int

    @property
    def place(self) -> Place:
        """What it is called."""
        return Place(self.job.id, self.plan.first)


class Written(NamedTuple):
    """The rows of a chunk: ``bytes`` of the file ``part`` from ``at`` on, of ``done`` and ``failed`` images."""

    place: Place
    part: str
    at: int
    bytes: int
    done: int
    failed: int


class NewJob(NamedTuple):
    """What is asked for: the version is that which its ref means now."""

    id: str
    owner: str
    model: Resolved
    format: Format
    top_k: int
    source: Source
    idempotency_key: str | None


class Received(NamedTuple):
    """What came of it: ``digest`` tells it from what else may be sent under the same Idempotency-Key.

    ``inputs`` names the files with the images, and ``total`` and ``plans`` say how many there are, unless they are
    still in an archive.
    """

    digest: str
    inputs: str | None = None
    total: int | None = None
    plans: Sequence[Plan] = ()
