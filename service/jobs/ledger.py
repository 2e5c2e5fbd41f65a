"""The ledger: what was accepted for whom, and what became of it.

Its methods wait for the database: call them in threads. All raise JobsUnavailable when it does not answer, and DiskFull
when it has no room.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from service.errors import Full, JobNotFound, KeyReused
from service.jobs.database import Database
from service.jobs.records import UNFINISHED, Job, NewJob, Phase, Plan, Received
from service.jobs.tables import chunks, jobs

COLUMNS = [jobs.c[name] for name in Job.__dataclass_fields__]
_AGAIN_IN_S = 10  # when nothing says how long the jobs that fill the room will take


class Ledger:
    """The jobs of a database whose versions are in the store that is called ``store``."""

    def __init__(self, database: Database, store: str) -> None:
        self._database = database
        self._store = store

    def reserve(self, new: NewJob, most: int, holder: str, seconds: float) -> None:
        """Take a place among the unfinished jobs of the owner for one that is received now; raises Full.

        ``holder`` has to renew it every few ``seconds``. One whose Idempotency-Key is known takes no place: it is no
        new job.
        """
        with self._database.writes() as (connection, now):
            known = new.idempotency_key is not None and self._known(connection, new) is not None
            mine = and_(jobs.c.owner == new.owner, _active(now))
            active = connection.scalar(select(func.count()).select_from(jobs).where(mine)) or 0
            if active >= most and not known:
                told = f"{active} jobs are unfinished, which is as many as there may be; wait for one, or cancel one"
                raise Full(told, _AGAIN_IN_S)
            connection.execute(
                insert(jobs).values(
                    id=new.id,
                    store=self._store,
                    owner=new.owner,
                    name=new.model.name,
                    version=new.model.version,
                    alias=new.model.alias,
                    format=new.format,
                    top_k=new.top_k,
                    state="receiving",
                    phase="receive",
                    source=new.source,
                    created_at=now,
                    holder=holder,
                    held_until=now + seconds,
                )
            )

    def accept(self, new: NewJob, received: Received) -> Job:
        """Accept what was received: from here on it is done whatever dies. What it consists of must be on the disk.

        Returns the job that was accepted earlier under the same Idempotency-Key, where there is one; raises KeyReused
        when that was another one.
        """
        try:
            with self._database.writes(lasting=True) as (connection, _):
                phase: Phase = "unpack" if new.source == "archive" else "score"
                row = connection.execute(
                    update(jobs)
                    .where(jobs.c.id == new.id)
                    .values(
                        state="queued",
                        phase=phase,
                        holder=None,
                        held_until=0,
                        idempotency_key=new.idempotency_key,
                        digest=received.digest,
                        inputs=received.inputs,
                        total=received.total,
                    )
                    .returning(*COLUMNS)
                ).one()
                if received.plans:
                    connection.execute(insert(chunks), rows_of(new.id, received.plans))
                return _job(row)
        except IntegrityError:  # somebody was quicker under the same key
            earlier = self._earlier(new)
            if earlier.digest != received.digest:
                told = "this Idempotency-Key was used for another job: other images, model, format or top_k"
                raise KeyReused(told) from None
            return earlier

    def forget(self, job_id: str) -> None:
        """Give up a reservation, or remove a job with all that is known of it."""
        with self._database.writes() as (connection, _):
            connection.execute(delete(jobs).where(jobs.c.id == job_id))

    def find(self, job_id: str, owner: str) -> Job:
        """One job of an owner; raises JobNotFound, for that of another too."""
        with self._database.reads() as (connection, _):
            row = connection.execute(select(*COLUMNS).where(_visible(owner), jobs.c.id == job_id)).one_or_none()
        if row is None:
            raise JobNotFound("there is no such job; those that ended are removed with their results after a while")
        return _job(row)

    def of(self, owner: str, most: int, before: float | None = None) -> list[Job]:
        """Those of an owner, the newest first; only those that came ``before`` a time, where that is given."""
        wanted = [_visible(owner), jobs.c.created_at < (math.inf if before is None else before)]
        with self._database.reads() as (connection, _):
            order = (jobs.c.created_at.desc(), jobs.c.id)
            return [
                _job(row) for row in connection.execute(select(*COLUMNS).where(*wanted).order_by(*order).limit(most))
            ]

    def some(self, ids: Collection[str]) -> dict[str, Job]:
        """Those of these jobs that there are."""
        with self._database.reads() as (connection, _):
            rows = connection.execute(select(*COLUMNS).where(jobs.c.id.in_(ids)))
            return {row.id: _job(row) for row in rows}

    def cancel(self, job_id: str, owner: str, keep: float) -> Job:
        """Stop a job, and keep what is done for ``keep`` seconds; one that has ended stays as it is.

        Raises JobNotFound.
        """
        with self._database.writes(lasting=True) as (connection, now):
            connection.execute(
                update(jobs)
                .where(_visible(owner), jobs.c.id == job_id, jobs.c.state.in_(("queued", "running")))
                .values(state="cancelled", phase="assemble", problem=None, ended_at=now, expires_at=now + keep)
                .values(holder=None, held_until=0, attempts=0)
            )
        return self.find(job_id, owner)

    def expired(self) -> list[Job]:
        """The jobs that nobody needs any more: those past their time, and those whose receiving process died."""
        with self._database.reads() as (connection, now):
            dead = and_(jobs.c.phase == "receive", jobs.c.held_until < now)
            rows = connection.execute(select(*COLUMNS).where(or_(dead, jobs.c.expires_at < now)))
            return [_job(row) for row in rows]

    def unfinished(self) -> list[Job]:
        """All that are to be done, those that are received now included."""
        with self._database.reads() as (connection, _):
            mine = and_(jobs.c.store == self._store, jobs.c.state.in_(UNFINISHED))
            return [_job(row) for row in connection.execute(select(*COLUMNS).where(mine))]

    def states(self) -> tuple[Mapping[str, int], float]:
        """How many jobs are in each state, and for how many seconds the oldest that is queued has waited."""
        with self._database.reads() as (connection, now):
            counts = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
            oldest = connection.scalar(select(func.min(jobs.c.created_at)).where(jobs.c.state == "queued"))
        return dict(map(tuple, counts)), 0.0 if oldest is None else max(0.0, now - oldest)

    def _known(self, connection: Any, new: NewJob) -> str | None:
        where = (jobs.c.owner == new.owner, jobs.c.idempotency_key == new.idempotency_key)
        found: str | None = connection.scalar(select(jobs.c.id).where(*where))
        return found

    def _earlier(self, new: NewJob) -> Job:
        with self._database.reads() as (connection, _):
            where = (jobs.c.owner == new.owner, jobs.c.idempotency_key == new.idempotency_key)
            return _job(connection.execute(select(*COLUMNS).where(*where)).one())


def rows_of(job_id: str, plans: Sequence[Plan], attempts: int = 0) -> list[dict[str, object]]:
    """The rows of chunks."""
    return [
        {"job_id": job_id, "first": plan.first, "images": plan.images, "at": plan.at, "attempts": attempts}
        for plan in plans
    ]


def _job(row: Row[*tuple[Any, ...]]) -> Job:
    return Job(*row)


def _visible(owner: str) -> ColumnElement[bool]:
    return and_(jobs.c.owner == owner, jobs.c.state != "receiving")


def _active(now: float) -> ColumnElement[bool]:
    received = and_(jobs.c.state == "receiving", jobs.c.held_until > now)
    return or_(jobs.c.state.in_(("queued", "running")), received)
