"""Archives as people make them, and as attackers do."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest

from models.errors import ImageTooLarge
from service.archives.limits import ArchiveLimits
from service.archives.reader import check_archive, read_archive
from service.errors import ArchiveRefused
from service.uploads.upload import Upload

LIMITS = ArchiveLimits(entries=20, inflated=20_000_000, image=3_000_000, ratio=100)
FILES = {"a.png": b"one", "b/c.jpg": b"two" * 100, "../../etc/passwd": b"three", "naïve 猫.png": b"", "a.png ": b"x"}
Files = dict[str, bytes]


def zipped(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(files: Files, mode: str = "w", kind: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=kind) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def gzipped(files: Files) -> bytes:
    return tarred(files, "w:gz")


KINDS = {
    "deflated": zipped,
    "stored": lambda files: zipped(files, zipfile.ZIP_STORED),
    "tar": tarred,
    "gnu tar": lambda files: tarred(files, kind=tarfile.GNU_FORMAT),
    "tar.gz": gzipped,
}


def read(archive: bytes, limits: ArchiveLimits = LIMITS) -> list[Upload]:
    return list(read_archive(io.BytesIO(archive), limits))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_files_come_back_in_order_by_the_names_they_have(kind: Callable[[Files], bytes]) -> None:
    assert [(upload.name, upload.data, upload.error) for upload in read(kind(FILES))] == [
        (name, data, None) for name, data in FILES.items()
    ]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_an_archive_without_files_has_none(kind: Callable[[Files], bytes]) -> None:
    assert read(kind({})) == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_file_that_is_too_large_fails_alone(kind: Callable[[Files], bytes]) -> None:
    large = bytes(range(256)) * 20_000
    uploads = read(kind({"a": b"one", "b": large, "c": b"three"}), replace(LIMITS, ratio=10_000))
    assert [upload.data for upload in uploads] == [b"one", b"", b"three"]
    assert isinstance(uploads[1].error, ImageTooLarge)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_too_many_entries_are_refused(kind: Callable[[Files], bytes]) -> None:
    many = {str(number): b"x" for number in range(21)}
    with pytest.raises(ArchiveRefused, match="more than 20 entries"):
        read(kind(many))
    many.popitem()
    assert len(read(kind(many))) == 20


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_unpacks_to_too_much_is_refused_while_it_is_read(kind: Callable[[Files], bytes]) -> None:
    files = {str(number): bytes(range(256)) * 10_000 for number in range(9)}
    with pytest.raises(ArchiveRefused, match="unpacks to more than 20,000,000 bytes"):
        read(kind(files), replace(LIMITS, ratio=1_000_000))


@pytest.mark.parametrize("kind", [zipped, gzipped])
def test_a_bomb_is_refused_by_its_ratio(kind: Callable[[Files], bytes]) -> None:
    with pytest.raises(ArchiveRefused, match="more than 100 times its size"):
        read(kind({"bomb": bytes(2_900_000)}))
    assert len(read(kind({"small": bytes(900_000)}))) == 1


def test_a_bomb_in_a_name_is_refused() -> None:
    with pytest.raises(ArchiveRefused, match="the name of an entry is too long"):
        read(tarred({"a" * 100_000: b""}))
    with pytest.raises(ArchiveRefused, match="the name of an entry is too long"):
        read(tarred({"a" * 100_000: b""}, kind=tarfile.GNU_FORMAT))
    assert read(tarred({"a" * 1000: b"x"}))[0].name == "a" * 1000


def overlapping() -> bytes:
    """Two entries of the directory that name the same bytes."""
    made = zipped({"a.png": b"a" * 500, "b.png": b"b" * 500}, zipfile.ZIP_STORED)
    start = made.rindex(b"PK\x01\x02")
    return made[: start + 42] + struct.pack("<I", 0) + made[start + 46 :]


def into_directory() -> bytes:
    """An entry that claims the directory as its own."""
    made = zipped({"a.png": b"a" * 500}, zipfile.ZIP_STORED)
    start = made.index(b"PK\x01\x02")
    return made[: start + 20] + struct.pack("<II", 600, 600) + made[start + 28 :]


def encrypted() -> bytes:
    made = bytearray(zipped({"a.png": b"a"}))
    made[made.index(b"PK\x01\x02") + 8] |= 1
    return bytes(made)


def zip_link() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return file.getvalue()


def tar_entry(kind: bytes, link: str = "") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("entry")
        entry.type, entry.linkname = kind, link
        archive.addfile(entry)
    return file.getvalue()


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        pytest.param(overlapping(), "two entries of the archive share bytes", id="overlapping"),
        pytest.param(into_directory(), "shares bytes with its directory", id="into the directory"),
        pytest.param(encrypted(), "encrypted", id="encrypted"),
        pytest.param(zipped({"a": b"a" * 99}, zipfile.ZIP_LZMA), "otherwise than by deflate", id="lzma"),
        pytest.param(zipped({"a": b"a" * 99}, zipfile.ZIP_BZIP2), "otherwise than by deflate", id="bzip2"),
        pytest.param(zip_link(), "an entry is a link", id="a link in a zip"),
        pytest.param(tar_entry(tarfile.SYMTYPE, "/etc/passwd"), "a link, a device", id="a link"),
        pytest.param(tar_entry(tarfile.LNKTYPE, "other"), "a link, a device", id="a hard link"),
        pytest.param(tar_entry(tarfile.CHRTYPE), "a link, a device", id="a device"),
        pytest.param(tar_entry(tarfile.FIFOTYPE), "a link, a device", id="a pipe"),
        pytest.param(b"", "no zip and no tar", id="nothing"),
        pytest.param(b"\x89PNG" + bytes(600), "no zip and no tar", id="an image"),
        pytest.param(zipped(FILES)[:-30], "broken", id="a zip cut short"),
        pytest.param(tarred(FILES)[:2100], "cut short", id="a tar cut short"),
        pytest.param(tarred(FILES)[:1536], "cut short", id="a tar cut short between entries"),
        pytest.param(gzipped(FILES)[:-20], "cut short", id="a tar.gz cut short"),
        pytest.param(b"\x1f\x8b" + bytes(100), "broken or cut short", id="no gzip at all"),
        pytest.param(b"PK\x03\x04" + bytes(100), "broken", id="no zip at all"),
    ],
)
def test_attacks_and_accidents_are_refused(archive: bytes, told: str) -> None:
    with pytest.raises(ArchiveRefused, match=told):
        read(archive)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_cut_goes_unnoticed(kind: Callable[[Files], bytes]) -> None:
    whole = kind({"a.png": bytes(range(256)) * 8, "b.png": b"two" * 400})
    data_ends = len(whole.rstrip(b"\0"))  # a tar's padding says nothing
    for cut in range(1, data_ends, max(1, data_ends // 60)):
        with pytest.raises(ArchiveRefused):
            read(whole[:cut])


def test_noise_of_operating_systems_is_passed_over() -> None:
    noise = {"__MACOSX/._a.png": b"x", "a/.DS_Store": b"x", "Thumbs.db": b"x", "a.png": b"y"}
    for kind in KINDS.values():
        assert [upload.name for upload in read(kind(noise))] == ["a.png"]


def test_archives_in_archives_are_files_like_others() -> None:
    inner = zipped({"a.png": b"one"})
    assert read(zipped({"inner.zip": inner}, zipfile.ZIP_STORED)) == [Upload("inner.zip", inner)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_zip_shows_how_many_files_it_has_without_being_unpacked(kind: str) -> None:
    files = FILES | {"__MACOSX/a.png": b"noise", "folder/": b""}
    expected = None if "tar" in kind else len(FILES)
    assert check_archive(io.BytesIO(KINDS[kind](files)), LIMITS) == expected


def test_a_directory_of_more_entries_than_there_may_be_is_not_even_read() -> None:
    archive = zipped({"a": b""})
    begin, end = archive.index(b"PK\x01\x02"), archive.index(b"PK\x05\x06")
    tail = bytearray(archive[end:])
    tail[12:16] = ((end - begin) * 200_000).to_bytes(4, "little")
    crowded = archive[:begin] + archive[begin:end] * 200_000 + bytes(tail)
    for look in (read, lambda data: check_archive(io.BytesIO(data), LIMITS)):
        with pytest.raises(ArchiveRefused, match="far larger than"):
            look(crowded)
