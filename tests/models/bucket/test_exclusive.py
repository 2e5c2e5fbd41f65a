"""Creating objects: of several writers one wins, whatever the store heeds and the network loses."""

import threading
from datetime import timedelta

import pytest

from models.bucket import lock
from models.bucket.exclusive import Exclusive
from models.bucket.objects import Objects
from models.errors import StoreUnavailable
from tests.support.s3 import S3Server

WRITERS = 4


@pytest.fixture(params=[False, True], ids=["conditional", "unconditional"])
def objects(request: pytest.FixtureRequest, s3: S3Server, s3_url: str) -> Objects:
    """Of a store that heeds If-None-Match, and of one that does not."""
    s3.unconditional = request.param
    return Objects(s3_url)


def create(objects: Objects, key: str, data: bytes) -> bool:
    return Exclusive(objects).create(key, data)


def test_what_stands_is_not_overwritten(objects: Objects) -> None:
    assert create(objects, "a/b", b"first")
    assert not create(objects, "a/b", b"second")
    assert objects.read("a/b") == b"first"
    assert create(objects, "a/c", b"third")


def test_the_store_is_tried_out_before_it_is_relied_on(objects: Objects, s3: S3Server) -> None:
    for _ in range(2):
        assert Exclusive(objects).is_conditional is not s3.unconditional


def test_of_several_writers_one_wins(objects: Objects) -> None:
    begin, won = threading.Barrier(WRITERS), []

    def write(data: bytes) -> None:
        exclusive = Exclusive(objects)
        begin.wait()
        if exclusive.create("a/b", data):
            won.append(data)

    threads = [threading.Thread(target=write, args=(b"%d" % number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [objects.read("a/b")] == won


def test_an_answer_that_is_lost_is_not_taken_for_somebody_else(s3: S3Server, s3_url: str) -> None:
    """The request is repeated, and meets what it did itself."""
    objects = Objects(s3_url)
    s3.lose = 1
    assert objects.create("a", b"mine")
    assert s3.asked.count(f"PUT /models/{s3_url.rpartition('/')[2]}/a") == 2
    s3.lose = 1
    assert not objects.create("a", b"yours")
    assert objects.read("a") == b"mine"


def test_notes_of_the_dead_do_not_hold_up_the_living(
    s3: S3Server, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.unconditional = True
    objects = Objects(s3_url)
    objects.write("a.notes/dead", b"")
    monkeypatch.setattr(lock, "_PATIENCE_S", 0.0)
    with pytest.raises(StoreUnavailable, match=rf"if there is none, delete {s3_url}/a\.notes/dead"):
        create(objects, "a", b"mine")
    monkeypatch.setattr(lock, "_DEAD_AFTER", timedelta(seconds=-5))
    assert create(objects, "a", b"mine")
    assert objects.children("a.notes") == ["dead"]


@pytest.mark.usefixtures("impatient")
def test_a_store_that_cannot_be_reached_is_named(s3: S3Server, s3_url: str) -> None:
    objects = Objects(s3_url)
    with s3.away(), pytest.raises(StoreUnavailable, match=f"{s3_url} cannot be used: EndpointConnectionError"):
        objects.read("a")
    assert objects.read("a") is None


def test_a_bucket_that_is_not_there_is_named(s3: S3Server) -> None:
    objects = Objects("s3://no-such-bucket/x")
    assert objects.read("a") is None  # whoever reads a log sees that it has not even a first entry
    with pytest.raises(StoreUnavailable, match="bucket does not exist"):
        create(objects, "a", b"mine")
