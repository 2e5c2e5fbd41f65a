"""Which kind of body a request has, and the images in it."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from service.errors import MalformedRequest, UnsupportedContent
from service.settings import Settings
from service.uploads.json_body import read_json_image, read_json_images
from service.uploads.multipart import read_multipart
from service.uploads.upload import Upload

_WAYS = "multipart/form-data with the field {field!r}, an image/... type with its bytes, or application/json"


async def read_image(request: Request, settings: Settings) -> Upload:
    """Return the one image of a request; raises a RequestError that says what was wrong with the body."""
    kind, content_type = _content_type(request)
    if kind == "multipart/form-data":
        return (await read_multipart(content_type, request.stream(), "file", 1, settings.max_image_bytes))[0]
    if kind == "application/json":
        return await asyncio.to_thread(read_json_image, await _body(request), settings.max_json_depth)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return Upload(None, await _bytes(request))
    raise UnsupportedContent(f"the content type {kind or '(none)'} is not taken; send {_WAYS.format(field='file')}")


async def read_images(request: Request, settings: Settings) -> list[Upload]:
    """Return the images of a batch in the order sent; an image in itself is a batch of one."""
    kind, content_type = _content_type(request)
    if kind == "multipart/form-data":
        return await read_multipart(
            content_type, request.stream(), "files", settings.max_images, settings.max_image_bytes
        )
    if kind == "application/json":
        # In a thread: 200 MB take more than half a second, in which no other request would be served.
        return await asyncio.to_thread(
            read_json_images, await _body(request), settings.max_json_depth, settings.max_images
        )
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [Upload(None, await _bytes(request))]
    raise UnsupportedContent(f"the content type {kind or '(none)'} is not taken; send {_WAYS.format(field='files')}")


async def _bytes(request: Request) -> bytes:
    body = await _body(request)
    if not body:
        raise MalformedRequest("the body is empty; send the image's bytes")
    return body


async def _body(request: Request) -> bytes:
    """The whole body, most often one message; Starlette's way is a generator in a generator that joins pieces."""
    pieces = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _content_type(request: Request) -> tuple[str, str]:
    """The media type alone, in small letters, and the whole header."""
    content_type = request.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower(), content_type
