"""Bodies as clients send them."""

import base64
import json
from collections.abc import Sequence

BOUNDARY = "a-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def part(content: bytes, disposition: str = 'form-data; name="file"; filename="a.png"', *headers: str) -> bytes:
    """One part, its boundary before it."""
    lines = [f"--{BOUNDARY}", f"Content-Disposition: {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    """A whole multipart body."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def files(contents: Sequence[bytes], field: str = "files") -> bytes:
    """A multipart body with the files 0.png, 1.png and so on."""
    return multipart(
        *(part(content, f'form-data; name="{field}"; filename="{i}.png"') for i, content in enumerate(contents))
    )


def base64_text(content: bytes) -> str:
    """As JSON carries an image."""
    return base64.b64encode(content).decode()


def json_image(content: bytes) -> bytes:
    """The JSON body of predict."""
    return json.dumps({"image": base64_text(content)}).encode()


def json_images(contents: Sequence[bytes]) -> bytes:
    """The JSON body of predict/batch."""
    return json.dumps({"images": [base64_text(content) for content in contents]}).encode()
