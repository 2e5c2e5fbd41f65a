"""Multipart bodies: what clients send, however it is cut into chunks."""

from collections.abc import AsyncIterator, Iterable

import pytest

from service.errors import MalformedRequest
from service.uploads.multipart import read_multipart
from service.uploads.upload import Upload
from tests.service.support.bodies import BOUNDARY, MULTIPART, files, multipart, part


async def stream(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(
    body: bytes, *, cut: int | None = None, content_type: str = MULTIPART, field: str = "file"
) -> list[Upload]:
    """Read ``body``, cut in two after ``cut`` bytes where that is given, and parsed also where it is plain."""
    body += b"words after the end"
    chunks = [body] if cut is None else [body[:cut], body[cut:]]
    return await read_multipart(content_type, stream(chunks), field, 4, 1000)


TRICKY = [
    b"",
    b"\r\n",
    b"--",
    f"\r\n--{BOUNDARY}".encode()[:-1],
    f"--{BOUNDARY}--".encode(),
    f"\r\n--{BOUNDARY[:-1]}\r\n".encode(),
    b"\r\r\n\n--\r\n-",
    bytes(range(256)),
]


@pytest.mark.parametrize("content", TRICKY)
async def test_the_content_comes_back_wherever_the_body_is_cut(content: bytes) -> None:
    body = multipart(part(b"nothing", 'form-data; name="note"'), part(content), part(b"last"))
    for cut in range(len(body)):
        uploads = await read(body, cut=cut)
        assert [upload.read() for upload in uploads] == [content, b"last"], cut


@pytest.mark.parametrize(
    "content_type",
    [
        f"multipart/form-data; boundary={BOUNDARY}",
        f"multipart/form-data;boundary={BOUNDARY}",
        f'multipart/form-data; boundary="{BOUNDARY}"',
        f"Multipart/Form-Data; Boundary={BOUNDARY}",
        f"multipart/form-data; charset=utf-8; boundary={BOUNDARY}",
    ],
)
@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="file"; filename="a b.png"',
        'form-data;name="file";filename="a b.png"',
        'form-data; filename="a b.png"; name="file"',
        'Form-Data; Name="file"; Filename="a b.png"',
        'form-data; name=file; filename="a b.png"',
        'form-data; name="file"; filename="a b.png"; size=3',
    ],
)
async def test_headers_may_be_written_in_many_ways(content_type: str, disposition: str) -> None:
    [upload] = await read(multipart(part(b"abc", disposition)), content_type=content_type)
    assert (upload.name, upload.read()) == ("a b.png", b"abc")


async def test_a_body_may_come_one_byte_at_a_time() -> None:
    body = files(TRICKY[:4], "file")
    uploads = await read_multipart(MULTIPART, stream(body[i : i + 1] for i in range(len(body))), "file", 4, 1000)
    assert [upload.read() for upload in uploads] == TRICKY[:4]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ('filename="cat.jpg"', "cat.jpg"),
        ("filename=cat.jpg", "cat.jpg"),
        ('filename=""', ""),
        ('filename="a\\"b.jpg"', 'a"b.jpg'),
        ('filename="a;b=c.jpg"', "a;b=c.jpg"),
        ('filename="../../etc/passwd"', "../../etc/passwd"),
        ('filename="C:\\\\dir\\\\cat.jpg"', "cat.jpg"),
        ('filename="Kätzchen 猫.jpg"', "Kätzchen 猫.jpg"),
        ('filename="a%0d%0ab.jpg"', "a%0d%0ab.jpg"),
        ('filename="x\x1b[31m.jpg"', "x\x1b[31m.jpg"),
        ("filename=\"plain.jpg\"; filename*=UTF-8''other.jpg", "plain.jpg"),
    ],
)
async def test_a_file_name_is_kept_as_the_client_wrote_it(sent: str, name: str) -> None:
    """It is a name for people and for JSON, which escapes it; nobody makes a path of it."""
    [upload] = await read(multipart(part(b"x", f'form-data; name="file"; {sent}')))
    assert upload.name == name


async def test_a_file_name_that_is_no_utf_8_is_replaced_where_it_is_not() -> None:
    body = multipart(part(b"x", 'form-data; name="file"; filename="?.jpg"')).replace(b"?", b"\xff")
    [upload] = await read(body)
    assert upload.name == "\N{REPLACEMENT CHARACTER}.jpg"


async def test_a_line_break_cannot_get_into_a_file_name() -> None:
    with pytest.raises(MalformedRequest):
        await read(multipart(part(b"x", 'form-data; name="file"; filename="a\nb\rc.jpg"')))


async def test_a_field_without_a_file_name_counts_too() -> None:
    [upload] = await read(multipart(part(b"x", 'form-data; name="file"')))
    assert (upload.name, upload.data) == (None, b"x")


async def test_names_of_headers_may_be_written_in_any_case_and_others_may_come() -> None:
    body = multipart(part(b"x", 'FORM-DATA; NAME="file"', "Content-Type: image/png", "X-Other: 1"))
    body = body.replace(b"Content-Disposition", b"cOnTeNt-DiSpOsItIoN")
    assert len(await read(body)) == 1


@pytest.mark.parametrize("boundary", [f'"{BOUNDARY}"', f"{BOUNDARY}; charset=utf-8", f" {BOUNDARY} "])
async def test_ways_to_write_the_boundary(boundary: str) -> None:
    content_type = f"multipart/form-data; boundary={boundary}"
    assert len(await read(multipart(part(b"x")), content_type=content_type)) == 1


@pytest.mark.parametrize("parameters", ["", "; charset=utf-8", "; boundary", "; boundary=", '; boundary=""'])
async def test_without_a_boundary_nothing_can_be_read(parameters: str) -> None:
    for body in (multipart(part(b"x")), b"--\r\n\r\nx\r\n----\r\n"):
        with pytest.raises(MalformedRequest, match="boundary"):
            await read(body, content_type=f"multipart/form-data{parameters}")


async def test_an_absurdly_long_boundary_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        await read(multipart(part(b"x")), content_type=f"multipart/form-data; boundary={'b' * 5000}")


async def test_a_body_that_was_cut_short_is_refused_wherever_it_was() -> None:
    body = multipart(part(b"x" * 50), part(b"y"))
    for length in range(len(body) - 2):  # the last line break may be missing
        with pytest.raises(MalformedRequest):
            await read(body[:length])


@pytest.mark.parametrize(
    "body",
    [
        b"not multipart at all",
        b"--another\r\n\r\nx\r\n--another--\r\n",
        multipart(part(b"x")).replace(b"\r\n", b"\n"),
        f"--{BOUNDARY}--\r\n".encode(),
        multipart(part(b"x", 'form-data; name="image"')),
        multipart(part(b"x", "form-data")),
        multipart(part(b"x")).replace(b"Content-Disposition:", b"Content-Disposition"),
    ],
    ids=["text", "another boundary", "line feeds", "no parts", "another field", "no name", "no colon"],
)
async def test_what_is_no_multipart_with_the_field_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        await read(body)


async def test_what_follows_the_last_boundary_is_ignored() -> None:
    [upload] = await read(multipart(part(b"x")) + b"an epilogue\r\n" * 1000)
    assert upload.data == b"x"


async def test_empty_lines_before_the_first_boundary_are_ignored() -> None:
    [upload] = await read(b"\r\n\r\n" + multipart(part(b"x")))
    assert upload.data == b"x"
