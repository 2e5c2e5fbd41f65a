"""What an API key is: the text that its owner holds, and what is kept of it.

The text is ``whatsit_<id>_<secret>``. The id is public and may be logged. The secret has 256 bits of the system's
random numbers, and only its SHA-256 is kept. A fast hash is right for those: slow ones (bcrypt, Argon2) make guesses
dear, where passwords can be guessed; nobody tries 2 ** 256 of anything.
"""

import hmac
import re
import secrets
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, Field, StringConstraints

from models.manifest import Strict

KeyScope = Literal["predict", "jobs", "admin"]
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)
RATE_PATTERN = r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$"

_ID_BYTES, _SECRET_BYTES = 6, 32
_TEXT = re.compile(rb"whatsit_([0-9a-f]{12})_([0-9a-f]{64})")
# What the secret of an unknown key is compared with, so that the time of a refusal does not say which ids there are.
_NOBODYS = "0" * 64


class Key(Strict):
    """What is kept of a key."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """What people call it; not unique."""
    scopes: tuple[KeyScope, ...] = Field(min_length=1)
    """What it is good for."""
    rate: Annotated[str, StringConstraints(pattern=RATE_PATTERN)] | None = None
    """The most requests in a time, such as ``100/minute``; None for as many as the service can answer."""
    created_at: AwareDatetime
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the secret."""


def new_key(name: str, scopes: tuple[KeyScope, ...], rate: str | None) -> tuple[Key, str]:
    """Make a key; returns what is kept of it, and its text, which nobody can tell again.

    Raises pydantic's ValidationError for a name or a rate that cannot be.
    """
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_hex(_SECRET_BYTES)
    digest = sha256(secret.encode()).hexdigest()
    scopes = tuple(dict.fromkeys(scopes))
    key = Key(id=key_id, name=name, scopes=scopes, rate=rate, created_at=datetime.now(UTC), sha256=digest)
    return key, f"whatsit_{key_id}_{secret}"


def parse_key(text: bytes) -> tuple[str, bytes] | None:
    """The id and the secret of what was presented; None when it is no key at all."""
    found = _TEXT.fullmatch(text)
    return found and (found[1].decode(), found[2])


def is_secret_of(key: Key | None, secret: bytes) -> bool:
    """Whether ``secret`` is that of ``key``, in the same time whatever the answer; of an unknown key nothing is."""
    expected = _NOBODYS if key is None else key.sha256
    return hmac.compare_digest(sha256(secret).hexdigest(), expected) and key is not None
