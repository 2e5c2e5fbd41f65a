"""The log: read a little at a time, believed as long as it is the same, kept for when the store is away."""

import uuid
from pathlib import Path

import pytest

from models.audit import Entry
from models.bucket.exclusive import Exclusive
from models.bucket.log import Log, Record, listings
from models.bucket.objects import Objects
from models.errors import StoreUnavailable
from models.targets import Target
from tests.support.s3 import S3Server


def record(version: int, model: str = "tiny", **changes: object) -> Record:
    fields = {"action": "publish", "after": version, "who": "w", "why": "y"} | changes
    return Record(model=model, entry=Entry(**fields), manifest="a" * 64, token=uuid.uuid4().hex)


@pytest.fixture
def objects() -> Objects:
    return Objects(f"memory://{uuid.uuid4().hex}")


def log_of(objects: Objects, folder: Path) -> Log:
    return Log(objects, Exclusive(objects), folder / "seen.json")


@pytest.fixture
def log(objects: Objects, tmp_path: Path) -> Log:
    return log_of(objects, tmp_path)


def fill(log: Log, count: int) -> None:
    for _ in range(count):
        records = log.look()
        assert log.append(record(len(records) + 1), records)


def test_records_stand_in_their_order_and_only_after_what_they_were_decided_by(log: Log) -> None:
    assert log.look() == ()
    first, second = record(1), record(2)
    assert log.append(first, ())
    assert not log.append(second, ())
    assert log.append(second, log.look())
    assert log.look() == log.seen == (first, second)


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_many_are_read_by_whoever_comes_late(objects: Objects, log: Log, tmp_path: Path, count: int) -> None:
    fill(log, count)
    assert log_of(objects, tmp_path / "elsewhere").look() == log.seen
    assert len(log.seen) == count


def test_to_look_costs_two_requests_however_much_there_is(s3: S3Server, s3_url: str, tmp_path: Path) -> None:
    log = log_of(Objects(s3_url), tmp_path)
    for model in ("a", "b", "c"):
        log.append(record(1, model), log.look())
    log.look()
    s3.asked.clear()
    log.look()
    at = s3_url.removeprefix("s3://")
    assert sorted(s3.asked) == [f"GET /{at}/_whatsit/log/0000000{number}.json" for number in (3, 4)]


def test_a_gap_ends_what_is_believed(objects: Objects, log: Log) -> None:
    """Read at the moment when another process wrote both."""
    fill(log, 1)
    objects.write("_whatsit/log/00000003.json", record(3).model_dump_json(exclude_none=True).encode())
    assert len(log.look()) == 1


@pytest.mark.parametrize("left", [1, 2])
def test_a_log_that_was_brought_back_from_an_earlier_day_is_read_anew(objects: Objects, log: Log, left: int) -> None:
    fill(log, 3)
    before = log.seen
    objects.delete(f"_whatsit/log/0000000{number}.json" for number in range(left + 1, 4))
    assert log.look() == log.seen == before[:left]
    fill(log, 2)
    assert log.look()[:left] == before[:left]
    assert len(log.seen) == left + 2


@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_log_that_was_begun_anew_is_another(objects: Objects, log: Log, count: int) -> None:
    fill(log, 3)
    before = log.seen
    objects.delete(objects.below("_whatsit/log"))
    assert log.look() == ()
    assert log.seen == before  # for whoever goes on with it
    fill(log, count)
    assert len(log.seen) == count
    assert not {each.token for each in log.seen} & {each.token for each in before}
    assert log.look() == log.seen


def test_what_was_seen_is_kept_for_later_processes(objects: Objects, log: Log, tmp_path: Path) -> None:
    fill(log, 3)
    later = log_of(objects, tmp_path)
    assert later.seen == log.seen
    (tmp_path / "seen.json").write_text("half of")
    assert log_of(objects, tmp_path).seen == ()
    assert log_of(objects, tmp_path).look() == log.seen


def test_what_this_release_does_not_know_is_not_passed_over(objects: Objects, log: Log) -> None:
    fill(log, 1)
    objects.write("_whatsit/log/00000002.json", b'{"model": "tiny", "entry": {"action": "explode"}}')
    with pytest.raises(StoreUnavailable, match=r"log/00000002\.json is not known to this release"):
        log.look()
    assert len(log.seen) == 1


def test_a_folder_that_cannot_be_written_is_no_obstacle(objects: Objects, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = log_of(objects, tmp_path / "file")
    fill(log, 2)
    assert len(log.look()) == 2


def test_what_stands_is_what_the_changes_add_up_to() -> None:
    move = {"action": "move", "alias": "production"}
    records = (
        *(record(number) for number in (1, 2, 3)),
        record(1, "other"),
        record(2, **move, before=None),
        record(3, **move | {"action": "canary"}, before=2, weights={2: 9, 3: 1}),
        record(0, action="remove", before=1, after=None),
        record(0, "other", action="remove", before=1, after=None),
    )
    found = listings(records)
    assert list(found) == ["tiny"]
    assert found["tiny"].versions == (2, 3)
    assert found["tiny"].targets == {"production": Target(2, 3, (9, 1))}
