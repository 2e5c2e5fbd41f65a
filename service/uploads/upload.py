"""One encoded image as a request brought it."""

from typing import NamedTuple

from models.errors import WhatsitError


class Upload(NamedTuple):
    """``name`` is what the client called it, None when it did not; a name for people, never a path.

    ``error`` stands in for bytes that were refused while they arrived, so that in a batch only this image fails.
    """

    name: str | None
    data: bytes
    error: WhatsitError | None = None

    def read(self) -> bytes:
        """The bytes; raises the error that refused them."""
        if self.error is not None:
            raise self.error
        return self.data
