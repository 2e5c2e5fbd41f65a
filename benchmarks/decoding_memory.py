"""Peak memory while small files that claim many pixels are sent at once.

    python -m benchmarks.decoding_memory

Each twice: as single requests, and as one batch; beside them an honest small image, for comparison. A JPEG of 411 bytes
that claims 36 megapixels is decoded at a reduced scale; formats that cannot be share a budget of memory.
"""

import argparse
import asyncio
import io
import subprocess
from collections import Counter

from PIL import Image

from benchmarks.overload import read_answer
from service.background import HOST, running


def claiming_jpeg(side: int = 6000) -> bytes:
    """A valid small JPEG whose header is changed to claim ``side`` x ``side`` pixels."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8), 128).save(buffer, "JPEG", comment=b"x" * 76)
    data = bytearray(buffer.getvalue())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = side.to_bytes(2, "big") * 2
    return bytes(data)


async def send(port: int, path: str, content_type: str, body: bytes, times: int) -> Counter[str]:
    """Send the same request ``times`` times at once; returns the answers by status."""

    async def once() -> str:
        reader, writer = await asyncio.open_connection(HOST, port)
        head = f"POST {path} HTTP/1.1\r\nhost: whatsit\r\ncontent-type: {content_type}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        status, _ = await read_answer(reader)
        writer.close()
        return status

    return Counter(await asyncio.gather(*(once() for _ in range(times))))


def as_multipart(data: bytes, times: int) -> bytes:
    """A multipart body with the field ``files`` repeated."""
    part = b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n' + data + b"\r\n"
    return part * times + b"--x--\r\n"


def honest_jpeg() -> bytes:
    """A plain 64 x 64 image."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def transparent(image_format: str) -> bytes:
    """An empty image with transparency, 49 megapixels."""
    buffer = io.BytesIO()
    Image.new("RGBA", (7000, 7000)).save(buffer, image_format, lossless=True)
    return buffer.getvalue()


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for name, data, times in (
        ("JPEG, honest 64 x 64", honest_jpeg(), 64),
        ("JPEG claiming 36 megapixels", claiming_jpeg(), 64),
        ("PNG of 49 megapixels", transparent("PNG"), 4),
        ("WebP of 49 megapixels", transparent("WEBP"), 4),
    ):
        with running({"log_level": "error", "workers": 1}, subprocess.DEVNULL) as server:
            before = server.memory_mb("VmHWM")
            single = asyncio.run(send(server.port, "/v1/predict", "image/*", data, times))
            path, kind = "/v1/predict/batch", "multipart/form-data; boundary=x"
            batch = asyncio.run(send(server.port, path, kind, as_multipart(data, times), 1))
            after = server.memory_mb("VmHWM")
        print(
            f"{name}, {len(data):,} bytes, {times} times: {dict(single)} as requests, {dict(batch)} as a batch; "
            f"peak {before:.0f} -> {after:.0f} MB"
        )


if __name__ == "__main__":
    main()
