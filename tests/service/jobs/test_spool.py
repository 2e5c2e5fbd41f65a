"""The spool: what is written comes back, whatever it is called."""

from pathlib import Path

import pytest

from models.errors import ImageTooLarge
from service.errors import DiskFull
from service.jobs.folder import JobFolder, room_needed
from service.jobs.parts import Parts
from service.jobs.records import Plan
from service.jobs.spool import CHUNK, SpoolReader, SpoolWriter, singles
from service.uploads.upload import Upload

NAMES = ["a.png", "../../etc/passwd", "/etc/passwd", "", "naïve 猫", "a\nb", "\x00", "\udcff", "x" * 5000, None]


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    folder = JobFolder(tmp_path / "jobs", "0" * 32)
    folder.make()
    return folder


def test_what_is_written_comes_back_and_nothing_else_is_made(folder: JobFolder) -> None:
    with SpoolWriter(folder, "0") as spool:
        for place, name in enumerate(NAMES):
            spool.add(Upload(name, bytes([place]) * place))
        spool.add(Upload("large", b"", ImageTooLarge("too large")))
        total, plans, digest = spool.finish()
    assert (total, plans, len(digest)) == (len(NAMES) + 1, (Plan(0, total, 0),), 64)
    reader = SpoolReader(folder, "0", plans[0])
    folder.keep_only()  # who reads goes on reading
    assert [reader.read(entry) for entry in reader.entries[:-1]] == [
        bytes([place]) * place for place in range(total - 1)
    ]
    names = ["?" if name == "\udcff" else name for name in NAMES]
    assert [entry.name for entry in reader.entries] == [*names, "large"]
    problem = reader.entries[-1].problem
    assert problem is not None
    assert (problem.status, problem.type, problem.detail) == (413, "image-too-large", "too large")
    reader.close()
    assert list(folder.path.rglob("*")) == []
    assert [path.name for path in folder.path.parent.iterdir()] == ["0" * 32]


def test_chunks_are_read_by_themselves(folder: JobFolder) -> None:
    with SpoolWriter(folder, "0") as spool:
        for place in range(2 * CHUNK + 5):
            spool.add(Upload(f"{place}.png", str(place).encode()))
        plans = spool.finish().plans
    assert [(plan.first, plan.images) for plan in plans] == [(0, CHUNK), (CHUNK, CHUNK), (2 * CHUNK, 5)]
    alone = singles(folder, "0", plans[2])
    assert [plan.first for plan in alone] == list(range(2 * CHUNK, 2 * CHUNK + 5))
    for plan in (*plans, *alone):
        reader = SpoolReader(folder, "0", plan)
        assert [reader.read(entry) for entry in reader.entries] == [
            str(place).encode() for place in range(plan.first, plan.first + plan.images)
        ]
        reader.close()


def digest(folder: JobFolder, name: str, *uploads: Upload) -> str:
    with SpoolWriter(folder, name) as spool:
        for upload in uploads:
            spool.add(upload)
        return spool.finish().digest


def test_the_digest_tells_images_and_names_apart(folder: JobFolder) -> None:
    sent = [
        [Upload("a", b"one"), Upload("b", b"two")],
        [Upload("b", b"two"), Upload("a", b"one")],
        [Upload("a", b"onetwo"), Upload("b", b"")],
        [Upload("a", b"one"), Upload("c", b"two")],
    ]
    digests = [digest(folder, str(place), *uploads) for place, uploads in enumerate(sent)]
    assert len(set(digests)) == 4
    assert digest(folder, "again", *sent[0]) == digests[0]


def test_parts_are_appended_to(folder: JobFolder) -> None:
    parts = Parts(folder.path.parent, "mine")
    assert parts.append(folder.path.name, [b"one", b"three"]) == [0, 3]
    assert parts.append(folder.path.name, [b"x"]) == [8]
    parts.close()
    assert parts.append(folder.path.name, [b"y"]) == [9]
    parts.close()
    assert folder.part("mine").read_bytes() == b"onethreexy"


def test_a_full_disk_has_a_name(folder: JobFolder) -> None:
    with pytest.raises(DiskFull), room_needed(), Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")
    folder.part("mine").symlink_to("/dev/full")
    parts = Parts(folder.path.parent, "mine")
    with pytest.raises(DiskFull):
        parts.append(folder.path.name, [b"x"])
    parts.close()
