"""The ledger: who has which jobs, and what is accepted once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from service.errors import Full, JobNotFound, KeyReused
from service.jobs.database import Database
from service.jobs.ledger import Ledger
from service.jobs.records import Plan
from tests.service.jobs.support import STORE, accepted, new, queue, received


def test_a_job_is_seen_from_its_acceptance_on_and_by_its_owner_alone(ledger: Ledger) -> None:
    job = new("mine")
    ledger.reserve(job, 4, "a", 10)
    with pytest.raises(JobNotFound):
        ledger.find(job.id, "mine")
    known = ledger.accept(job, received())
    assert (known.state, known.phase, known.total, known.done, known.failed) == ("queued", "score", 4, 0, 0)
    assert ledger.find(job.id, "mine") == known
    assert ledger.of("mine", 10) == [known]
    assert ledger.of("", 10) == ledger.of("others", 10) == []
    with pytest.raises(JobNotFound):
        ledger.find(job.id, "others")
    with pytest.raises(JobNotFound):
        ledger.cancel(job.id, "others", 1)
    assert ledger.find(job.id, "mine").state == "queued"


def test_the_newest_are_listed_first_and_page_by_page(ledger: Ledger) -> None:
    known = [accepted(ledger) for _ in range(5)][::-1]
    assert ledger.of("", 10) == known
    assert ledger.of("", 2) == known[:2]
    assert ledger.of("", 2, known[1].created_at) == known[2:4]


def test_an_owner_has_only_so_many_unfinished_jobs(ledger: Ledger) -> None:
    first = accepted(ledger, new("mine"))
    ledger.reserve(new("mine"), 2, "a", 10)  # one that is received now counts too
    with pytest.raises(Full):
        ledger.reserve(new("mine"), 2, "a", 10)
    ledger.reserve(new("others"), 2, "a", 10)
    ledger.cancel(first.id, "mine", 10)
    ledger.reserve(new("mine"), 2, "a", 10)


def test_a_job_whose_receiving_process_died_takes_no_place_for_long(ledger: Ledger) -> None:
    dead = new()
    ledger.reserve(dead, 1, "a", -1)
    ledger.reserve(new(), 1, "a", 10)
    assert [job.id for job in ledger.expired()] == [dead.id]


def test_the_same_key_gives_the_same_job_also_when_there_is_no_place(ledger: Ledger) -> None:
    first = accepted(ledger, new(key="once"))
    again = new(key="once")
    ledger.reserve(again, 1, "a", 10)
    assert ledger.accept(again, received()).id == first.id
    assert ledger.accept(again, received()).id == first.id
    with pytest.raises(KeyReused):
        ledger.accept(again, received(digest="another"))
    with pytest.raises(Full):
        ledger.reserve(new(key="twice"), 1, "a", 10)
    assert accepted(ledger, new("others", key="once")).id != first.id


def test_two_that_come_at_once_under_the_same_key_become_one(database: Database, ledger: Ledger) -> None:
    requests = [new(key="once") for _ in range(6)]
    for job in requests:
        ledger.reserve(job, 10, "a", 10)
    with ThreadPoolExecutor(6) as threads:
        ids = {job.id for job in threads.map(lambda job: ledger.accept(job, received()), requests)}
    assert len(ids) == 1
    assert len(queue(database).claim(10)) == 2


def test_cancelling_keeps_what_is_done_and_changes_nothing_that_has_ended(database: Database, ledger: Ledger) -> None:
    job = ledger.cancel(accepted(ledger).id, "", 100)
    assert (job.state, job.phase, job.partial) == ("cancelled", "assemble", True)
    assert job.ended_at is not None
    assert job.expires_at == pytest.approx(job.ended_at + 100)
    assert ledger.cancel(job.id, "", 500) == job
    assert queue(database).claim(10) == []


def test_what_is_past_its_time_expires(database: Database, ledger: Ledger) -> None:
    old, young = accepted(ledger), accepted(ledger)
    for job, keep in ((old, -1), (young, 100)):
        ledger.cancel(job.id, "", keep)
    assert [job.id for job in ledger.expired()] == [old.id]
    ledger.forget(old.id)
    assert ledger.of("", 10) == [ledger.find(young.id, "")]


def test_the_jobs_of_another_store_are_left_alone(database: Database, ledger: Ledger) -> None:
    other = Ledger(database, "elsewhere")
    accepted(other)
    assert queue(database).claim(10) == []
    assert ledger.unfinished() == []
    assert len(other.unfinished()) == 1


def test_states_are_counted(database: Database, ledger: Ledger) -> None:
    assert ledger.states() == ({}, 0)
    accepted(ledger)
    accepted(ledger)
    queue(database).claim(1)
    states, age = ledger.states()
    assert states == {"queued": 1, "running": 1}
    assert age > 0


def test_many_chunks_are_noted_at_once(database: Database, ledger: Ledger) -> None:
    job = new()
    ledger.reserve(job, 1, "a", 10)
    plans = [Plan(64 * place, 64, 5000 * place) for place in range(2000)]
    known = ledger.accept(job, received()._replace(total=128_000, plans=plans))
    assert [chunk.plan for chunk in queue(database).claim(3)] == plans[:3]
    assert replace(known, state="running", started_at=None) == replace(ledger.find(job.id, ""), started_at=None)
    assert known.store == STORE
