"""The queue: what is lent to whom, and that everything is done once, whoever dies when."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from service.jobs.database import Database
from service.jobs.ledger import Ledger
from service.jobs.records import Chunk, Job, Plan
from tests.service.jobs.support import accepted, new, queue, received, written

PROBLEM = '{"type": "a", "title": "b", "status": 500, "detail": "c"}'


def firsts(chunks: list[Chunk]) -> list[int]:
    return [chunk.plan.first for chunk in chunks]


def finished(database: Database, job: Job) -> Job:
    return Ledger(database, job.store).find(job.id, "")


def test_those_of_which_the_least_is_done_come_first(database: Database, ledger: Ledger) -> None:
    large, small = accepted(ledger, images=8), accepted(ledger, images=2)
    a = queue(database)
    assert [(chunk.job.id, chunk.plan.first) for chunk in a.claim(3)] == [(large.id, 0), (small.id, 0), (large.id, 2)]
    assert finished(database, small).state == "running"
    assert firsts(a.claim(10)) == [4, 6]
    assert a.claim(10) == []


def test_no_chunk_is_lent_to_two(database: Database, ledger: Ledger) -> None:
    accepted(ledger, images=100, chunk=1)
    with ThreadPoolExecutor(8) as threads:
        claims = [threads.submit(queue(database, str(number)).claim, 10) for number in range(14)]
        lent = sorted(first for claim in claims for first in firsts(claim.result()))
    assert lent == list(range(100))


def test_a_job_is_assembled_when_all_of_it_is_written(database: Database, ledger: Ledger) -> None:
    job, a = accepted(ledger, images=5), queue(database)
    chunks = a.claim(10)
    a.finish([written(chunks[2], "third", failed=1), written(chunks[0], "first")])
    assert (finished(database, job).done, finished(database, job).failed) == (2, 1)
    assert a.claim_phase() is None
    a.finish([written(chunks[1], "second")])
    assert a.parts(job.id) == [("first", 0, 10), ("second", 2, 10), ("third", 4, 10)]
    held = a.claim_phase()
    assert held is not None
    assert (held.id, held.phase, held.state, held.done, held.failed) == (job.id, "assemble", "running", 4, 1)
    assert a.assembled(job.id, "results", 100)
    over = finished(database, job)
    assert (over.state, over.phase, over.results, over.partial) == ("done", "over", "results", False)
    assert over.ended_at is not None
    assert over.expires_at == pytest.approx(over.ended_at + 100)
    assert a.parts(job.id) == []


def test_two_that_finish_the_last_chunks_at_once_lose_none(database: Database, ledger: Ledger) -> None:
    for _ in range(5):
        job = accepted(ledger, images=8, chunk=1)
        holders = [queue(database, str(number)) for number in range(8)]
        held = [(holder, holder.claim(1)[0]) for holder in holders]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda pair: pair[0].finish([written(pair[1])]), held))
        after = finished(database, job)
        assert (after.done, after.phase) == (8, "assemble")


def test_what_a_dead_process_held_is_taken_by_another_as_a_suspect(database: Database, ledger: Ledger) -> None:
    job, dead, alive = accepted(ledger), queue(database, "dead", seconds=-1), queue(database, "alive")
    lost = dead.claim(10)
    assert alive.claim(10) == []
    again = alive.claim(10, suspects=True)
    assert firsts(again) == firsts(lost) == [0, 2]
    assert [chunk.attempts for chunk in again] == [2, 2]
    dead.finish([written(chunk, "dead") for chunk in lost])  # it only slept
    assert finished(database, job).done == 0
    alive.finish([written(chunk, "alive") for chunk in again])
    dead.finish([written(chunk, "dead") for chunk in lost])
    assert finished(database, job).done == 4
    assert [part for part, *_ in alive.parts(job.id)] == ["alive", "alive"]


def test_what_is_put_off_stays_lent(database: Database, ledger: Ledger) -> None:
    accepted(ledger)
    a, short = queue(database), queue(database, seconds=-1)
    chunks = short.claim(10)
    assert a.renew([chunk.place for chunk in chunks[:1]], []).chunks == {chunks[0].place}
    assert firsts(queue(database, "b").claim(10, suspects=True)) == [2]
    assert a.renew([chunk.place for chunk in chunks], []).chunks == {chunks[0].place}


def test_what_was_cancelled_is_not_held_any_more(database: Database, ledger: Ledger) -> None:
    job, a = accepted(ledger), queue(database)
    chunks = a.claim(10)
    a.finish([written(chunks[0])])
    ledger.cancel(job.id, "", 100)
    assert a.renew([chunk.place for chunk in chunks], []).chunks == frozenset()
    a.finish([written(chunks[1])])
    assert len(a.parts(job.id)) == 1
    assert finished(database, job).done == 2
    assert a.claim_phase() is not None
    assert a.assembled(job.id, "results", 100)
    assert (finished(database, job).state, finished(database, job).partial) == ("cancelled", True)


def test_what_is_given_back_is_no_suspect_unless_something_died(database: Database, ledger: Ledger) -> None:
    accepted(ledger)
    a = queue(database)
    first, second = a.claim(10)
    a.release([first.place])
    a.release([second.place], died=True)
    assert [(chunk.plan.first, chunk.attempts) for chunk in a.claim(10)] == [(0, 1)]
    assert [(chunk.plan.first, chunk.attempts) for chunk in a.claim(10, suspects=True)] == [(2, 2)]
    a.release([first.place], wait=100)
    assert a.claim(10) == []
    queue(database, "b").release([second.place])  # which is not its own
    assert a.claim(10, suspects=True) == []


def test_a_suspect_is_split_into_suspects_of_one_image(database: Database, ledger: Ledger) -> None:
    job, a = accepted(ledger), queue(database)
    first, _ = a.claim(10)
    singles = [Plan(0, 1, 0), Plan(1, 1, 50)]
    a.split(first, singles)
    a.split(first, singles)  # once
    found = a.claim(10, suspects=True)
    assert [(chunk.plan, chunk.attempts) for chunk in found] == [(single, 2) for single in singles]
    a.finish([written(chunk) for chunk in found])
    assert finished(database, job).done == 2


def test_an_archive_is_read_by_one_process(database: Database, ledger: Ledger) -> None:
    archive = new(source="archive")
    ledger.reserve(archive, 4, "a", 10)
    ledger.accept(archive, received()._replace(inputs=None, total=None, plans=()))
    dead, alive = queue(database, "dead", seconds=-1), queue(database, "alive")
    assert alive.claim(10) == []
    lost = dead.claim_phase()
    assert lost is not None
    assert (lost.phase, lost.state, lost.attempts) == ("unpack", "running", 1)
    held = alive.claim_phase()
    assert held is not None
    assert held.attempts == 2
    assert queue(database, "third").claim_phase() is None
    assert alive.renew([], [held.id]).jobs == {held.id}
    assert dead.renew([], [held.id]).jobs == frozenset()
    plans = received().plans
    assert not dead.unpacked(held.id, "dead", 4, plans)
    assert alive.unpacked(held.id, "alive", 4, plans)
    assert [(chunk.job.inputs, chunk.job.source) for chunk in alive.claim(1)] == [("alive", "spool")]


def test_a_phase_that_is_given_back_is_begun_again(database: Database, ledger: Ledger) -> None:
    job, a = accepted(ledger), queue(database)
    ledger.cancel(job.id, "", 100)
    for _ in range(3):
        held = a.claim_phase()
        assert held is not None
        assert held.attempts == 1
        a.release_phase(job.id)


def test_a_job_that_fails_keeps_what_was_scored(database: Database, ledger: Ledger) -> None:
    job, a = accepted(ledger), queue(database)
    chunks = a.claim(10)
    a.finish([written(chunks[0])])
    assert not a.fail(job.id, PROBLEM, 100)
    failed = finished(database, job)
    assert (failed.state, failed.phase, failed.problem) == ("failed", "assemble", PROBLEM)
    a.finish([written(chunks[1])])
    assert a.claim_phase() is not None
    assert a.assembled(job.id, "results", 100)
    assert (finished(database, job).state, finished(database, job).problem) == ("failed", PROBLEM)
    assert a.fail(job.id, "another", 100) is False
    assert finished(database, job).problem == PROBLEM


def test_a_job_that_cannot_be_assembled_is_over(database: Database, ledger: Ledger) -> None:
    job, a = accepted(ledger), queue(database)
    a.finish([written(chunk) for chunk in a.claim(10)])
    assert a.claim_phase() is not None
    assert a.fail(job.id, PROBLEM, 100)
    assert (finished(database, job).state, finished(database, job).results) == ("failed", None)
    assert a.claim_phase() is None


def test_what_a_job_waits_for_is_told_until_it_goes_on(database: Database, ledger: Ledger) -> None:
    job, a = accepted(ledger), queue(database)
    chunks = a.claim(10)
    a.note(job.id, PROBLEM)
    assert finished(database, job).problem == PROBLEM
    a.finish([written(chunks[0])])
    assert finished(database, job).problem is None
