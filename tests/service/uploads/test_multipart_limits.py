"""Multipart at its limits, and one beyond."""

import tracemalloc
from collections.abc import AsyncIterator, Iterable

import pytest

from models.errors import ImageTooLarge
from service.errors import MalformedRequest, TooManyImages
from service.uploads.multipart import read_multipart
from service.uploads.upload import Upload
from tests.service.support.bodies import MULTIPART, files, multipart, part

NOTE = part(b"x", 'form-data; name="note"')


async def stream(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(body: bytes, max_images: int = 4, max_image_bytes: int = 1000) -> list[Upload]:
    return await read_multipart(MULTIPART, stream([body]), "files", max_images, max_image_bytes)


async def test_a_file_at_the_limit_is_taken_and_one_byte_more_fails_alone() -> None:
    uploads = await read(files([b"a" * 1000, b"b" * 1001, b"c"]))
    assert uploads[0].read() == b"a" * 1000
    with pytest.raises(ImageTooLarge, match="1,001 bytes"):
        uploads[1].read()
    assert uploads[2].read() == b"c"


async def test_a_file_that_is_refused_is_not_kept() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield part(b"", 'form-data; name="files"').removesuffix(b"\r\n")
        for _ in range(64):
            yield bytes(1_000_000)
        yield b"\r\n" + multipart(part(b"x", 'form-data; name="files"'))

    tracemalloc.start()
    uploads = await read_multipart(MULTIPART, endless(), "files", 4, 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(upload.data) for upload in uploads] == [0, 1]
    assert peak < 10_000_000


async def test_what_is_in_other_fields_is_not_kept() -> None:
    body = multipart(part(bytes(20_000_000), 'form-data; name="note"'), part(b"x", 'form-data; name="files"'))
    tracemalloc.start()
    uploads = await read(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(uploads) == 1
    assert peak < 1_000_000


async def test_as_many_images_as_there_may_be_and_one_more() -> None:
    assert len(await read(files([b"x"] * 4))) == 4
    with pytest.raises(TooManyImages, match="at most 4"):
        await read(files([b"x"] * 5))


async def test_as_many_parts_as_there_may_be_and_one_more() -> None:
    images = [part(b"x", 'form-data; name="files"')] * 4
    assert len(await read(multipart(*[NOTE] * 8, *images))) == 4
    with pytest.raises(TooManyImages, match="parts"):
        await read(multipart(*[NOTE] * 9, *images))


async def test_as_many_headers_as_a_part_may_have_and_one_more() -> None:
    headers = [f"X-{i}: 1" for i in range(8)]
    assert len(await read(multipart(part(b"x", 'form-data; name="files"', *headers[:7])))) == 1
    with pytest.raises(MalformedRequest):
        await read(multipart(part(b"x", 'form-data; name="files"', *headers)))


@pytest.mark.parametrize("header", ["X: {}", "{}: x"])
async def test_a_header_may_be_long_but_not_endless(header: str) -> None:
    assert len(await read(multipart(part(b"x", 'form-data; name="files"', header.format("y" * 4000))))) == 1
    with pytest.raises(MalformedRequest):
        await read(multipart(part(b"x", 'form-data; name="files"', header.format("y" * 4100))))


async def test_no_end_of_a_header_is_waited_for() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield multipart().removesuffix(b"--\r\n") + b"\r\nX: "
        while True:
            yield b"y" * 1000

    with pytest.raises(MalformedRequest):
        await read_multipart(MULTIPART, endless(), "files", 4, 1000)
