"""The queue: which process does what next, for how long it may, and what it has done.

What a process holds is lent to it until a time, which it has to put off again and again; when it dies others take it.
Whatever it did by then counts only if this was noted, in one transaction, while it still held it: so nothing is done
twice, whoever dies or sleeps when. The methods wait for the database: call them in threads. All raise JobsUnavailable
when it does not answer, and DiskFull when it has no room.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, delete, func, insert, or_, select, tuple_, update

from service.jobs.database import Database
from service.jobs.ledger import COLUMNS, rows_of
from service.jobs.records import Chunk, Job, Phase, Place, Plan, Written
from service.jobs.tables import chunks, jobs

_ONE_PROCESS: tuple[Phase, ...] = ("receive", "unpack", "assemble")
_KEY_COLUMNS = (chunks.c.job_id, chunks.c.first)
_KEY = tuple_(*_KEY_COLUMNS)


class Held(NamedTuple):
    """What a process still holds."""

    chunks: frozenset[Place]
    jobs: frozenset[str]


class Queue:
    """As the process called ``holder`` sees it, to which things are lent for ``seconds``."""

    def __init__(self, database: Database, store: str, holder: str, seconds: float) -> None:
        self.holder = holder
        self._database = database
        self._store = store
        self._seconds = seconds

    def claim(self, most: int, *, suspects: bool = False) -> list[Chunk]:
        """Take chunks that nobody holds, those of jobs first of which the least is done.

        With ``suspects`` those whose last holder died; without, the others.
        """
        with self._database.writes() as (connection, now):
            free = (
                select(chunks.c.job_id, chunks.c.first)
                .join(jobs, jobs.c.id == chunks.c.job_id)
                .where(jobs.c.phase == "score", jobs.c.store == self._store)
                .where(chunks.c.state == "waiting", chunks.c.held_until < now)
                .where(chunks.c.attempts > 0 if suspects else chunks.c.attempts == 0)
                .order_by(chunks.c.attempts, chunks.c.first, jobs.c.created_at)
                .limit(most)
                .with_for_update(of=chunks, skip_locked=True)  # SQLite has one writer at a time, and no such words
            )
            places = [Place(*row) for row in connection.execute(free)]
            if not places:
                return []
            begun = {place.job_id for place in places}
            started = {"state": "running", "started_at": func.coalesce(jobs.c.started_at, now)}
            connection.execute(update(jobs).where(jobs.c.id.in_(begun), jobs.c.state == "queued").values(started))
            rows = connection.execute(
                update(chunks)
                .where(_KEY.in_(places))
                .values(holder=self.holder, held_until=now + self._seconds, attempts=chunks.c.attempts + 1)
                .returning(chunks.c.job_id, chunks.c.first, chunks.c.images, chunks.c.at, chunks.c.attempts)
            ).all()
            found = {row.id: Job(*row) for row in connection.execute(select(*COLUMNS).where(jobs.c.id.in_(begun)))}
        return sorted(
            (Chunk(found[job_id], Plan(first, images, at), attempts) for job_id, first, images, at, attempts in rows),
            key=lambda chunk: (chunk.plan.first, chunk.job.created_at),
        )

    def claim_phase(self) -> Job | None:
        """Take a job whose next phase is the work of one process, if there is one."""
        with self._database.writes() as (connection, now):
            free = (
                select(jobs.c.id)
                .where(jobs.c.phase.in_(("unpack", "assemble")), jobs.c.store == self._store, jobs.c.held_until < now)
                .order_by(jobs.c.created_at)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if (job_id := connection.scalar(free)) is None:
                return None
            row = connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id)
                .values(holder=self.holder, held_until=now + self._seconds, attempts=jobs.c.attempts + 1)
                .values(
                    state=case((jobs.c.state == "queued", "running"), else_=jobs.c.state),
                    started_at=func.coalesce(jobs.c.started_at, now),
                )
                .returning(*COLUMNS)
            ).one()
        return Job(*row)

    def renew(self, places: Collection[Place], job_ids: Collection[str]) -> Held:
        """Put off the end of what is lent to this process, and say what of that it really is.

        What it had and has not any more was cancelled, or has failed, or came to be another's.
        """
        with self._database.writes() as (connection, now):
            until = {"held_until": now + self._seconds}
            scored = select(jobs.c.id).where(jobs.c.phase == "score").scalar_subquery()
            mine = (chunks.c.holder == self.holder, chunks.c.state == "waiting", chunks.c.job_id.in_(scored))
            held = connection.execute(
                update(chunks).where(_KEY.in_(list(places)), *mine).values(until).returning(*_KEY_COLUMNS)
            )
            chunks_held = frozenset(Place(*row) for row in held)
            whole = (jobs.c.id.in_(job_ids), jobs.c.holder == self.holder, jobs.c.phase.in_(_ONE_PROCESS))
            ids = connection.scalars(update(jobs).where(*whole).values(until).returning(jobs.c.id))
            return Held(chunks_held, frozenset(ids))

    def release(self, places: Collection[Place], wait: float = 0, *, died: bool = False) -> None:
        """Give chunks back undone, for others to take after ``wait`` seconds.

        Where what ran them ``died`` they are suspects of it, as if this process had.
        """
        if not places:
            return
        with self._database.writes() as (connection, now):
            connection.execute(
                update(chunks)
                .where(_KEY.in_(list(places)), chunks.c.holder == self.holder, chunks.c.state == "waiting")
                .values(holder=None, held_until=now + wait, attempts=chunks.c.attempts - (0 if died else 1))
            )

    def release_phase(self, job_id: str, wait: float = 0) -> None:
        """Give a job's phase back undone."""
        with self._database.writes() as (connection, now):
            connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.holder == self.holder)
                .values(holder=None, held_until=now + wait, attempts=jobs.c.attempts - 1)
            )

    def split(self, chunk: Chunk, singles: Sequence[Plan]) -> None:
        """Put chunks of one image each in the place of one that is held; all are suspects as it was."""
        with self._database.writes(lasting=True) as (connection, _):
            gone = connection.execute(
                delete(chunks).where(
                    _KEY.in_([chunk.place]), chunks.c.holder == self.holder, chunks.c.state == "waiting"
                )
            )
            if gone.rowcount:
                connection.execute(insert(chunks), rows_of(chunk.job.id, singles, attempts=1))

    def finish(self, written: Iterable[Written]) -> None:
        """Note what is on the disk; but not what this process has lost, or what is of a job that ended."""
        ordered = sorted(written, key=lambda each: each.place)  # two processes then never wait for each other
        with self._database.writes(lasting=True) as (connection, _):
            for job_id, each in groupby(ordered, key=lambda one: one.place.job_id):
                self._finish(connection, job_id, list(each))

    def unpacked(self, job_id: str, inputs: str, total: int, plans: Sequence[Plan]) -> bool:
        """Note that the images of an archive are on the disk; False when the job is not held any more."""
        with self._database.writes(lasting=True) as (connection, _):
            updated = connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.holder == self.holder, jobs.c.phase == "unpack")
                .values(inputs=inputs, total=total, source="spool", phase="score")
                .values(holder=None, held_until=0, attempts=0)
            )
            if updated.rowcount:
                connection.execute(insert(chunks), rows_of(job_id, plans))
            return bool(updated.rowcount)

    def parts(self, job_id: str) -> list[tuple[str, int, int]]:
        """Where the rows of a job are, in their order: file, begin and length."""
        wanted = select(chunks.c.part, chunks.c.part_at, chunks.c.part_bytes).where(
            chunks.c.job_id == job_id, chunks.c.state == "done"
        )
        with self._database.reads() as (connection, _):
            return [(part, at, size) for part, at, size in connection.execute(wanted.order_by(chunks.c.first))]

    def assembled(self, job_id: str, results: str, keep: float) -> bool:
        """Note that the results are on the disk, for ``keep`` seconds; False when the job is not held any more."""
        with self._database.writes(lasting=True) as (connection, now):
            state = case((jobs.c.state == "running", "done"), else_=jobs.c.state)
            updated = connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.holder == self.holder, jobs.c.phase == "assemble")
                .values(state=state, phase="over", results=results, holder=None, held_until=0)
                .values(problem=case((jobs.c.state == "running", None), else_=jobs.c.problem), **_ended(now, keep))
            )
            if updated.rowcount:
                connection.execute(delete(chunks).where(chunks.c.job_id == job_id))
            return bool(updated.rowcount)

    def fail(self, job_id: str, problem: str, keep: float) -> bool:
        """End a job for a reason, a problem as JSON; whether it is over by that, or its results are to be assembled."""
        with self._database.writes(lasting=True) as (connection, now):
            phase = connection.scalar(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.phase != "over")
                .values(
                    state=case((jobs.c.state == "cancelled", "cancelled"), else_="failed"),
                    phase=case((jobs.c.phase == "score", "assemble"), else_="over"),
                    problem=problem,
                    **_ended(now, keep),
                    holder=None,
                    held_until=0,
                    attempts=0,
                )
                .returning(jobs.c.phase)
            )
        return bool(phase == "over")

    def note(self, job_id: str, problem: str | None) -> None:
        """Say what a running job waits for; None when it waits no more."""
        with self._database.writes() as (connection, _):
            connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.state == "running")
                .where(
                    or_(jobs.c.problem.is_(None), jobs.c.problem != problem) if problem else jobs.c.problem.is_not(None)
                )
                .values(problem=problem)
            )

    def _finish(self, connection: Connection, job_id: str, written: list[Written]) -> None:
        # The job first: who finishes its last chunks at the same time waits here, and then sees these counts.
        phase = connection.scalar(select(jobs.c.phase).where(jobs.c.id == job_id).with_for_update())
        if phase != "score":
            return
        held = [each for each in written if self._note_done(connection, each)]
        done, failed = sum(each.done for each in held), sum(each.failed for each in held)
        complete = jobs.c.done + jobs.c.failed + done + failed >= jobs.c.total
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job_id)
            .values(done=jobs.c.done + done, failed=jobs.c.failed + failed)
            .values(phase=case((complete, "assemble"), else_="score"), problem=None)
        )

    def _note_done(self, connection: Connection, each: Written) -> bool:
        held = (_KEY.in_([each.place]), chunks.c.holder == self.holder, chunks.c.state == "waiting")
        updated = connection.execute(
            update(chunks).where(*held).values(state="done", part=each.part, part_at=each.at, part_bytes=each.bytes)
        )
        return bool(updated.rowcount)


def _ended(now: float, keep: float) -> dict[str, Any]:
    return {
        "ended_at": func.coalesce(jobs.c.ended_at, now),
        "expires_at": func.coalesce(jobs.c.expires_at, now + keep),
    }
