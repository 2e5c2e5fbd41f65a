"""Bodies that are sent compressed, in both directions."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import BodyTooLarge, MalformedRequest, UnsupportedContent
from service.middleware.body_limit import Bodies

_ENCODINGS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
_EITHER = zlib.MAX_WBITS | 32
_PIECE = 1 << 20  # bytes that are inflated at a time
_CHUNK = 1 << 16  # bytes that are given to that at a time: what is left over is copied
_WORTH_IT = 500  # bytes; less gains nothing
_NO_QUALITY = {"q=0", "q=0.0", "q=0.00", "q=0.000"}


@asynccontextmanager
async def inflated(data: bytes, encoding: str, most: int, bodies: Bodies) -> AsyncIterator[bytes]:
    """What ``data`` is without its content encoding; as long as it is held, it counts among the bodies in memory.

    Raises UnsupportedContent for an encoding that is none of ours, MalformedRequest for broken data, BodyTooLarge
    when there are more than ``most`` bytes, and Full when all bodies together are too many.
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        yield data
        return
    if encoding not in _ENCODINGS:
        raise UnsupportedContent(f"the content encoding {encoding} is not taken; send gzip, deflate or none")
    pieces: list[bytes] = []
    held = 0
    try:
        async for piece in _inflate(data):
            held += len(piece)
            bodies.held += len(piece)
            if held > most:
                raise BodyTooLarge(f"the body inflates to more than the {most:,} bytes that this path takes")
            bodies.check()
            pieces.append(piece)
        yield b"".join(pieces)
    finally:
        bodies.held -= held


async def _inflate(data: bytes) -> AsyncIterator[bytes]:
    inflater = zlib.decompressobj(_EITHER)
    try:
        for place in range(0, len(data), _CHUNK):
            if inflater.eof:
                raise MalformedRequest("something follows the end of the compressed body")
            rest, piece = data[place : place + _CHUNK], b""
            while rest or len(piece) == _PIECE:  # of a full piece more may come out without anything going in
                piece = await asyncio.to_thread(inflater.decompress, rest, _PIECE)
                yield piece
                rest = inflater.unconsumed_tail
    except zlib.error as error:
        raise MalformedRequest("the body is not what its content encoding says") from error
    if inflater.unused_data:
        raise MalformedRequest("something follows the end of the compressed body")
    if not inflater.eof:
        raise MalformedRequest("the compressed body is cut short")


async def deflated(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """The body in the encoding of ours that the header Accept-Encoding prefers, and its name; None for none."""
    encoding = _preferred(accepted)
    if encoding is None or len(body) < _WORTH_IT:
        return body, None
    # The lowest level: it takes a fifth of the time of the usual one, and numbers gain little by either.
    compressor = zlib.compressobj(1, wbits=_ENCODINGS[encoding])
    return await asyncio.to_thread(lambda: compressor.compress(body) + compressor.flush()), encoding


def _preferred(accepted: str) -> str | None:
    offers = [offer.replace(" ", "").lower().partition(";") for offer in accepted.split(",")]
    taken = {name for name, _, quality in offers if quality not in _NO_QUALITY}
    return next((encoding for encoding in _ENCODINGS if encoding in taken), None)
