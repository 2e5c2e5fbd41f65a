"""Keys for tests: what their owners send."""

from pathlib import Path

from service.keys.file import KeyFile
from service.keys.key import KeyScope

FILE = Path("keys.json")  # the setting's default, in the folder of the test
UNKNOWN = f"whatsit_{'0' * 12}_{'0' * 64}"


def make_key(*scopes: KeyScope, rate: str | None = None, file: Path = FILE) -> dict[str, str]:
    """Make a key; returns the header that presents it."""
    return bearer(KeyFile(file).create("a test", scopes or ("predict",), rate)[1])


def bearer(key: str) -> dict[str, str]:
    """The header that presents a key."""
    return {"authorization": f"Bearer {key}"}


def id_of(header: dict[str, str]) -> str:
    """The public part of the key in a header."""
    return header["authorization"].split("_")[1]
