"""What a file is made of is counted before Pillow takes it apart, and counted as Pillow and libjpeg read it."""

import zlib
from collections.abc import Callable

import pytest

from models.decode import Limits, OpenImage
from models.errors import ImageTooLarge
from models.structure import check_jpeg, check_png
from tests.support import jpeg, png
from tests.support.images import encode, gradient, photo, samples

JPEG = encode(gradient(), "JPEG")
PNG = encode(gradient(), "PNG")
EMPTY = jpeg.segment(0xE0)


def too_many(data: bytes) -> bool:
    try:
        OpenImage(data, Limits())
    except ImageTooLarge:
        return True
    return False


def thumbnail(scans: int) -> bytes:
    """An EXIF segment that holds a whole JPEG of so many scans."""
    return jpeg.segment(0xE1, b"Exif\0\0" + jpeg.with_scans(scans, photo(size=(8, 8))))


@pytest.mark.parametrize("name", samples())
def test_sound_files_pass(name: str) -> None:
    assert not too_many(samples()[name])


def test_scans_inside_a_thumbnail_do_not_count() -> None:
    data = jpeg.insert(jpeg.with_scans(90), *[thumbnail(90)] * 5)
    assert data.count(b"\xff\xda") > 400
    assert not too_many(data)
    assert too_many(jpeg.insert(jpeg.with_scans(101), thumbnail(90)))


def test_scans_after_the_end_do_not_count() -> None:
    """A stereo JPEG holds a second one there; only the first is decoded."""
    for between in (b"", b"\0\2", b"\0" * 9):
        assert not too_many(jpeg.with_scans(60) + between + jpeg.with_scans(60))


@pytest.mark.parametrize(
    "before",
    [
        b"\xff",  # fill bytes, any number of them, may stand before a marker
        b"\xff" * 9,
        b"\xff\x01",  # this marker has no length: the two bytes after it are no length but the marker of the scan
        b"\xff\xd0",  # nor has a restart marker
        jpeg.segment(0xFE, b"comment"),
        b"\0\0\0",  # stray bytes
        b"\xff\0",  # a stuffed FF
    ],
)
def test_no_scan_hides_behind_odd_bytes(before: bytes) -> None:
    data = jpeg.with_scans(101)
    at = data.index(b"\xff\xda")
    hidden = data[:at] + data[at:].replace(b"\xff\xda", before + b"\xff\xda")
    assert too_many(hidden)


def test_segments_between_scans_are_counted_where_scans_are() -> None:
    """Else counting the scans of a small image would take longer than decoding it."""
    comment = jpeg.segment(0xFE, b"\xff\xda" * 101)
    at = JPEG.index(b"\xff\xda") + 14
    assert not too_many(JPEG[:at] + comment + EMPTY * 9000 + JPEG[at:])
    assert too_many(JPEG[:at] + comment + EMPTY * 10_000 + JPEG[at:])


def test_an_end_marker_before_the_first_scan_hides_nothing() -> None:
    assert too_many(jpeg.START + jpeg.END + EMPTY * 10_001 + JPEG[2:])


@pytest.mark.parametrize("code", [0xC8, 0xD8, 0xF0, 0xFD], ids=hex)
def test_no_segment_hides_in_one_whose_length_pillow_does_not_read(code: int) -> None:
    hiding = jpeg.segment(code, EMPTY * 10_001)
    assert too_many(jpeg.insert(JPEG, hiding))


@pytest.mark.parametrize("piece", [EMPTY, b"\xff", b"\0", b"\xff\0", b"\xff\xd8", jpeg.segment(0xFE, b"c")])
def test_segments_and_stray_bytes_before_the_image_are_counted(piece: bytes) -> None:
    assert not too_many(jpeg.insert(JPEG, EMPTY, piece * 4000))
    assert too_many(jpeg.insert(JPEG, EMPTY, piece * 10_000))


def test_the_edge_of_segments() -> None:
    parts = 9  # of the JPEG itself
    check_jpeg(jpeg.insert(JPEG, EMPTY * 100), 100, parts + 100)
    with pytest.raises(ImageTooLarge, match="segments"):
        check_jpeg(jpeg.insert(JPEG, EMPTY * 101), 100, parts + 100)


def test_the_edge_of_chunks() -> None:
    parts = 3  # of the PNG itself
    for place in (png.insert, before_the_end):
        check_png(place(PNG, *[png.chunk(b"teSt")] * 97), parts + 97, 0)
        with pytest.raises(ImageTooLarge, match="chunks"):
            check_png(place(PNG, *[png.chunk(b"teSt")] * 98), parts + 97, 0)


def before_the_end(data: bytes, *chunks: bytes) -> bytes:
    return data[:-12] + b"".join(chunks) + data[-12:]


@pytest.mark.parametrize("place", [png.insert, before_the_end])
@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt"])
def test_compressed_chunks_are_counted(kind: bytes, place: Callable[..., bytes]) -> None:
    """Pillow inflates each to 1 MB; 10 MB of them took 32 s."""
    content = (b"x\0\1\0\0\0" if kind == b"iTXt" else b"x\0\0") + zlib.compress(b"\xff" * 1000)
    assert not too_many(place(PNG, *[png.chunk(kind, content)] * 100))
    assert too_many(place(PNG, *[png.chunk(kind, content)] * 101))


@pytest.mark.parametrize("data", [JPEG, PNG])
def test_every_way_of_cutting_a_file_short_is_survived(data: bytes) -> None:
    for end in range(len(data)):
        check_jpeg(data[:end], 100, 10_000)
        check_png(data[:end], 10_000, 100)
