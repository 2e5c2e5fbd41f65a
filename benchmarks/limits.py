"""Walks along the limits of images and bodies: what is sent, and what comes back.

    python -m benchmarks.limits

Starts a service with the defaults and sends to each limit what just fits and what does not; takes half a minute, for
three of the limits are deadlines.
"""

import argparse
import io
import json
import socket
import struct
import subprocess
import time
import zlib
from collections.abc import Iterator

from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.decoding_memory import as_multipart, claiming_jpeg
from service.background import HOST, Running, running

PREDICT, BATCH = "/v1/predict", "/v1/predict/batch"
_MULTIPART = "multipart/form-data; boundary=x"
Row = tuple[str, str, int, str]


def encoded(size: tuple[int, int], image_format: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    """A plain image of ``size`` in one of Pillow's formats."""
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, image_format, **options)
    return buffer.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG that claims its size and holds no pixels."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT", b"IEND")
    framed = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def jpeg_of_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated until there are ``scans``."""
    data = encoded((64, 64), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (scans - data.count(b"\xff\xda") + 1) + b"\xff\xd9"


def images(server: Running) -> Iterator[Row]:
    """One image in the body: formats, bytes, pixels, sides, scans, broken content."""
    small = encoded((32, 32), "JPEG")
    cases = [
        ("formats", "TIFF, ICO, PPM", [encoded((32, 32), kind) for kind in ("TIFF", "ICO", "PPM")]),
        ("formats", "text, PDF, nothing like an image", [b"hello", b"%PDF-1.7", bytes(64)]),
        ("formats", "JPEG, PNG, WebP, GIF, BMP", [encoded((32, 32), k) for k in ("JPEG", "PNG", "WEBP", "GIF", "BMP")]),
        ("body of one image", "10,000,000 bytes", [small.ljust(10_000_000, b"\0")]),
        ("body of one image", "10,000,001 bytes", [small.ljust(10_000_001, b"\0")]),
        ("body of one image", "20,000,000 bytes", [small.ljust(20_000_000, b"\0")]),
        ("pixels", "a PNG of 7,071 x 7,071 (49,999,041)", [encoded((7071, 7071), mode="1")]),
        ("pixels", "a PNG claiming 7,072 x 7,071 (50,006,112)", [png_claiming(7072, 7071)]),
        ("pixels", "a 411-byte JPEG claiming 6,000 x 6,000", [claiming_jpeg()]),
        (
            "side",
            "1 x 1, 1 x 1000, 1000 x 1, 16384 x 1",
            [encoded(s) for s in ((1, 1), (1, 1000), (1000, 1), (16384, 1))],
        ),
        ("side", "16,385 x 1, 0 x 5", [encoded((16385, 1)), png_claiming(0, 5)]),
        ("JPEG scans", "100", [jpeg_of_scans(100)]),
        ("JPEG scans", "101", [jpeg_of_scans(101)]),
        ("content", "JPEG and PNG cut in the middle", [small[: len(small) // 2], encoded((32, 32))[:60]]),
    ]
    for limit, sent, bodies in cases:
        for status in sorted({_status(server.ask("POST", PREDICT, body, "image/*")) for body in bodies}):
            yield limit, sent, *status


def requests(server: Running) -> Iterator[Row]:
    """The shape of one request: images, parts, JSON, headers, chunks, a lying length."""
    one = encoded((32, 32), "JPEG")
    field = b'--x\r\ncontent-disposition: form-data; name="other"\r\n\r\nvalue\r\n'
    for sent, body in (("64", as_multipart(one, 64)), ("65", as_multipart(one, 65))):
        yield "images in one request", sent, *_status(server.ask("POST", BATCH, body, _MULTIPART))
    for sent, fields in (("1 image and 71 fields", 71), ("1 image and 72 fields", 72)):
        yield "parts", sent, *_status(server.ask("POST", BATCH, field * fields + as_multipart(one, 1), _MULTIPART))
    for depth in (33, 50_000):
        body = b'{"image":' + b"[" * depth + b"]" * depth + b"}"
        yield "JSON depth", f"{depth:,}", *_status(server.ask("POST", PREDICT, body, "application/json"))
    head = b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\n"
    yield "header bytes", "17 KiB", *_raw(server, head + b"x-long: " + b"a" * 17 * 1024 + b"\r\n\r\n")
    yield "header bytes", "a line that does not end", *_raw(server, head + b"x-long: " + b"a" * 17 * 1024)
    chunked = head + b"transfer-encoding: chunked\r\n\r\n" + (b"100000\r\n" + bytes(1 << 20) + b"\r\n") * 20
    yield "body of one image", "20 chunks of 1 MiB, no length", *_raw(server, chunked)
    lying = head + f"content-length: {len(one) // 2}\r\n\r\n".encode() + one
    yield "body of one image", "a length of half the bytes", *_raw(server, lying)


def deadlines(server: Running) -> Iterator[Row]:
    """Headers, bodies and idle connections that never end."""
    head = b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\n"
    for limit, sent, data in (
        ("deadline: headers 5 s", "half a header, then silence", head),
        ("deadline: body 20 s", "half a body, then silence", head + b"content-length: 100\r\n\r\n" + bytes(50)),
        ("keep-alive 5 s", "one request, then silence", b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    ):
        started = time.monotonic()
        status, what = _raw(server, data)
        yield limit, sent, status, f"{what}; closed after {time.monotonic() - started:.1f} s"


def _status(answer: tuple[int, dict[str, object]]) -> tuple[int, str]:
    status, body = answer
    return status, str(body.get("detail", "answered"))


def _raw(server: Running, data: bytes) -> tuple[int, str]:
    """Send bytes as they are and read until the service closes the connection."""
    with socket.create_connection((HOST, server.port)) as connection:
        received = b""
        try:
            connection.sendall(data)
            while part := connection.recv(65536):
                received += part
        except ConnectionError:
            pass  # closed while we still sent: what was received before counts
    status = int(received.split(b" ", 2)[1]) if received else 0
    body = received.partition(b"\r\n\r\n")[2]
    return status, json.loads(body).get("detail", "answered") if body.startswith(b"{") else "closed"


def main() -> None:
    """Send everything and print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    table = Table("limit", "sent", "status", "answer")
    with running({"log_level": "error"}, subprocess.DEVNULL) as server:
        for walk in (images, requests, deadlines):
            for limit, sent, status, answer in walk(server):
                table.add_row(limit, sent, str(status), answer)
    with running({"log_level": "error", "request_timeout_s": 0.0001}, subprocess.DEVNULL) as server:
        status, answer = _status(server.ask("POST", PREDICT, encoded((32, 32)), "image/*"))
        table.add_row("deadline: request", "with request_timeout_s = 0.0001", str(status), answer)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
