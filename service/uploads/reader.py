"""Which kind of body a request has, and the images in it."""

import asyncio
from io import BytesIO
from itertools import islice

from service.archives.reader import read_archive
from service.asked import Asked, Body
from service.errors import MalformedRequest, TooManyImages, UnsupportedContent
from service.settings import Settings
from service.uploads.json_body import read_json_image, read_json_images
from service.uploads.multipart import read_multipart
from service.uploads.upload import Upload

_ZIPS = {"application/zip", "application/x-zip-compressed"}
_WAYS = "multipart/form-data with the field {field!r}, an image/... type with its bytes, or application/json"


async def read_image(asked: Asked, settings: Settings) -> Upload:
    """Return the one image of a request; raises a RequestError that says what was wrong with the body."""
    kind, body = asked.content_type.partition(";")[0].strip().lower(), asked.body
    if kind.startswith("image/") or kind == "application/octet-stream":
        return Upload(None, await _bytes(body))
    if kind == "multipart/form-data":
        return (await read_multipart(asked.content_type, body.pieces(), "file", 1, settings.max_image_bytes))[0]
    if kind == "application/json":
        return await asyncio.to_thread(read_json_image, await body.whole(), settings.max_json_depth)
    raise UnsupportedContent(f"the content type {kind or '(none)'} is not taken; send {_WAYS.format(field='file')}")


async def read_images(asked: Asked, settings: Settings) -> list[Upload]:
    """Return the images of a batch in the order sent; an image in itself is a batch of one."""
    kind, body = asked.content_type.partition(";")[0].strip().lower(), asked.body
    if kind == "multipart/form-data":
        return await read_multipart(
            asked.content_type, body.pieces(), "files", settings.max_images, settings.max_image_bytes
        )
    if kind == "application/json":
        # In a thread: 200 MB take more than half a second, in which no other request would be served.
        return await asyncio.to_thread(
            read_json_images, await body.whole(), settings.max_json_depth, settings.max_images
        )
    if kind in _ZIPS:
        return await asyncio.to_thread(_unpack, await _bytes(body), settings)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [Upload(None, await _bytes(body))]
    ways = f"{_WAYS.format(field='files')}, or application/zip"
    raise UnsupportedContent(f"the content type {kind or '(none)'} is not taken; send {ways}")


def _unpack(data: bytes, settings: Settings) -> list[Upload]:
    uploads = list(islice(read_archive(BytesIO(data), settings.archive_limits), settings.max_images + 1))
    if len(uploads) > settings.max_images:
        raise TooManyImages(f"at most {settings.max_images} images are taken in one request; send a job")
    if not uploads:
        raise MalformedRequest("the archive has no files")
    return uploads


async def _bytes(body: Body) -> bytes:
    data = await body.whole()
    if not data:
        raise MalformedRequest("the body is empty; send the image's bytes")
    return data
