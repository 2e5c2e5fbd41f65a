"""Plain multipart bodies, split at once: the same files as the parser finds, or left to it."""

from collections.abc import AsyncIterator

import pytest

from service.errors import RequestError
from service.uploads.multipart import read_multipart
from service.uploads.plain_form import split_plain_form
from service.uploads.upload import Upload
from tests.service.support.bodies import BOUNDARY, MULTIPART, files, multipart, part

EDGE = f"--{BOUNDARY}".encode()
EPILOGUE = b"words after the end"  # which the parser passes over, and nothing plain has

PLAIN = {
    "a file": files([b"one"], "file"),
    "files": files([b"one", b"two", b""], "file"),
    "bytes of all kinds": files([bytes(range(256)), b"\r\n\r\n", b"--", b"\r\n" + EDGE[:-1]], "file"),
    "no file name": multipart(part(b"one", 'form-data; name="file"')),
    "an empty file name": multipart(part(b"one", 'form-data; name="file"; filename=""')),
    "a type": multipart(part(b"one", 'form-data; name="file"; filename="a b.png"', "content-type: image/png")),
    "a name of many letters": multipart(part(b"one", 'form-data; name="file"; filename="naïve 猫.png"')),
    "no last line break": files([b"one"], "file").removesuffix(b"\r\n"),
    "a line break before": b"\r\n" + files([b"one"], "file"),
}
LEFT = {
    "nothing": b"",
    "no end": files([b"one"], "file").removesuffix(b"--\r\n"),
    "an edge alone": EDGE,
    "the end alone": EDGE + b"--\r\n",
    "a preamble": b"words\r\n" + files([b"one"], "file"),
    "an epilogue": files([b"one"], "file") + EPILOGUE,
    "another field": multipart(part(b"x", 'form-data; name="note"'), part(b"one")),
    "a quote in a name": multipart(part(b"one", r'form-data; name="file"; filename="a\"b.png"')),
    "a name in percents": multipart(part(b"one", 'form-data; name="file"; filename="%41.png"')),
    "another header": multipart(part(b"one", 'form-data; name="file"; filename="a.png"', "content-length: 3")),
    "spaces after the edge": files([b"one"], "file").replace(EDGE + b"\r\n", EDGE + b" \r\n"),
    "no name": multipart(part(b"one", "form-data")),
    "too many": files([b"one"] * 9, "file"),
    "too large": files([b"one", b"-" * 1001], "file"),
    "an edge at the beginning": files([EDGE], "file"),
    "a longer edge inside": files([b"\r\n" + EDGE + b"er\r\n"], "file"),
    "broken headers": EDGE + b"\r\nno header at all\r\n\r\none\r\n" + EDGE + b"--\r\n",
}


def split(body: bytes) -> list[Upload] | None:
    return split_plain_form(body, BOUNDARY.encode(), "file", 8, 1000)


async def parsed(body: bytes) -> list[Upload] | str:
    async def pieces() -> AsyncIterator[bytes]:
        yield body

    try:
        return await read_multipart(MULTIPART, pieces(), "file", 8, 1000)
    except RequestError as error:
        return str(error)


@pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN)
async def test_a_plain_body_is_split_into_what_the_parser_finds(body: bytes) -> None:
    uploads = split(body)
    assert uploads
    assert uploads == await parsed(body + EPILOGUE)
    assert split(body + EPILOGUE) is None  # so that it was the parser


@pytest.mark.parametrize("body", LEFT.values(), ids=LEFT)
async def test_all_else_is_left_to_the_parser(body: bytes) -> None:
    assert split(body) is None
    assert await parsed(body)


@pytest.mark.parametrize("cut", range(1, 60, 7))
async def test_a_body_cut_short_is_never_taken_for_a_whole_one(cut: int) -> None:
    body = files([b"one", b"two"], "file")
    told = await parsed(body[:-2][:-cut])
    assert isinstance(told, str)
    assert "cut short" in told
