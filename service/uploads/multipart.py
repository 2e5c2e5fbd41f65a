"""Multipart bodies, parsed as they arrive by python-multipart's callbacks.

Starlette's own form parser writes every file of more than a megabyte to disk and knows no limit for one file; here a
file that grows past its limit is let go at once and fails alone, and nothing is written anywhere.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from models.errors import ImageTooLarge
from service.errors import MalformedRequest, TooManyImages
from service.uploads.plain_form import split_plain_form
from service.uploads.upload import Upload

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MAX_HEADERS = 8  # of one part; browsers send two
_MAX_HEADER_BYTES = 4096
# As clients write them; python-multipart reads all others. It takes 7 us for each, a tenth of an image in all.
_USUAL_TYPE = re.compile(r"multipart/form-data; ?boundary=([A-Za-z0-9'_-]{1,70})")
_USUAL_DISPOSITION = re.compile(rb'form-data; ?name="([^"\\%;]*)"(?:; ?filename="([^"\\%;]*)")?')
_LARGE_CHUNK = 16_384
_PIECE = 65_536  # what is given to the parser at a time
_SMALL_BODY = 1_048_576  # it is split in a millisecond
_OTHER_PARTS = 8  # form fields that are not images
_NO_BOUNDARY = "the content type multipart/form-data has no boundary"


@dataclass(slots=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    filename: str | None = None
    content: bytearray = field(default_factory=bytearray)
    size: int = 0


class _Collector:
    """Gives the parts named ``field`` to ``take``, each as soon as it is whole; the content of others is dropped."""

    def __init__(self, field_name: str, max_images: int, max_image_bytes: int, take: Callable[[Upload], None]) -> None:
        self.images = 0
        self.complete = False
        self._take = take
        self.field = field_name
        self._max_images = max_images
        self._max_bytes = max_image_bytes
        self._parts = 0
        self._part = _Part()
        self._header = (bytearray(), bytearray())

    def on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._max_images + _OTHER_PARTS:
            raise TooManyImages(f"the body has more than {self._max_images + _OTHER_PARTS} parts")
        self._part = _Part()

    def on_header_begin(self) -> None:
        self._header = (bytearray(), bytearray())

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def on_header_end(self) -> None:
        name, value = self._header
        self._part.headers[bytes(name).lower()] = bytes(value)

    def on_headers_finished(self) -> None:
        name, filename = _names(self._part.headers.get(b"content-disposition", b""))
        self._part.name = name.decode("utf-8", "replace")
        if filename is not None:
            self._part.filename = filename.decode("utf-8", "replace")
        if self._part.name == self.field and self.images == self._max_images:
            raise TooManyImages(f"at most {self._max_images} images are taken in one request; send several requests")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        part.size += end - start
        if part.size > self._max_bytes:
            part.content.clear()
        elif part.name == self.field:
            part.content += memoryview(data)[start:end]

    def on_part_end(self) -> None:
        part = self._part
        if part.name != self.field:
            return
        too_large = part.size > self._max_bytes
        error = ImageTooLarge(f"the image has {part.size:,} bytes; at most {self._max_bytes:,} are accepted")
        self.images += 1
        self._take(Upload(part.filename, bytes(part.content), error if too_large else None))

    def on_end(self) -> None:
        self.complete = True


def _names(disposition: bytes) -> tuple[bytes, bytes | None]:
    if found := _USUAL_DISPOSITION.fullmatch(disposition):
        return found[1], found[2]
    _, options = parse_options_header(disposition)
    return options.get(b"name", b""), options.get(b"filename")


def _boundary(content_type: str) -> bytes | None:
    if found := _USUAL_TYPE.fullmatch(content_type):
        return found[1].encode()
    return parse_options_header(content_type)[1].get(b"boundary")


async def read_multipart(
    content_type: str, body: AsyncIterator[bytes], field_name: str, max_images: int, max_image_bytes: int
) -> list[Upload]:
    """Return the files of the field ``field_name`` in the order sent.

    Raises MalformedRequest when the body is not multipart, is cut short or has no such field, TooManyImages when it
    has too many.
    """
    boundary = _boundary(content_type)
    if not boundary:
        raise MalformedRequest(_NO_BOUNDARY)
    begin, ended = await _beginning(body)
    if ended:
        uploads = split_plain_form(begin, boundary, field_name, max_images, max_image_bytes)
        if uploads is not None:
            return uploads
    uploads = []
    collector = _Collector(field_name, max_images, max_image_bytes, uploads.append)
    await _parse(boundary, _one_after_the_other(begin, body), collector)
    return uploads


async def feed_multipart(
    content_type: str,
    body: AsyncIterator[bytes],
    field_name: str,
    most: tuple[int, int],
    take: Callable[[Upload], None],
) -> None:
    """Give the files of the field ``field_name`` to ``take``, as they come and mostly in a thread.

    ``most`` are images, and bytes of one of them. Raises as ``read_multipart`` does, and what ``take`` raises.
    """
    boundary = _boundary(content_type)
    if not boundary:
        raise MalformedRequest(_NO_BOUNDARY)
    await _parse(boundary, body, _Collector(field_name, *most, take))


async def _beginning(body: AsyncIterator[bytes]) -> tuple[bytes, bool]:
    """What a small body is, or a larger one begins with, and whether that is all."""
    pieces, size = [], 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size > _SMALL_BODY:
            return b"".join(pieces), False
    return pieces[0] if len(pieces) == 1 else b"".join(pieces), True


async def _one_after_the_other(begin: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for start in range(0, len(begin), _PIECE):
        yield begin[start : start + _PIECE]
    async for piece in rest:
        yield piece


async def _parse(boundary: bytes, chunks: AsyncIterator[bytes], collector: _Collector) -> None:
    callbacks: MultipartCallbacks = {
        "on_part_begin": collector.on_part_begin,
        "on_part_data": collector.on_part_data,
        "on_part_end": collector.on_part_end,
        "on_header_begin": collector.on_header_begin,
        "on_header_field": collector.on_header_field,
        "on_header_value": collector.on_header_value,
        "on_header_end": collector.on_header_end,
        "on_headers_finished": collector.on_headers_finished,
        "on_end": collector.on_end,
    }
    try:
        parser = MultipartParser(boundary, callbacks, max_header_count=_MAX_HEADERS, max_header_size=_MAX_HEADER_BYTES)
        async for chunk in chunks:
            # A chunk full of almost-boundaries takes 21 ms; a thread costs a tenth of a millisecond.
            if len(chunk) > _LARGE_CHUNK:
                await asyncio.to_thread(parser.write, chunk)
            else:
                parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise MalformedRequest("the multipart body is broken") from error
    if not collector.complete:
        raise MalformedRequest("the multipart body is cut short")
    if not collector.images:
        raise MalformedRequest(f"the multipart body has no file field {collector.field!r}")
