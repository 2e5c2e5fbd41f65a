"""Objects that only one writer can create: by the store's own word, or under a lock where it does not give one.

What fsspec calls ``mode="create"`` is sent by s3fs as ``If-None-Match: *`` and by gcsfs as ``ifGenerationMatch=0``, and
the store decides who was first. That holds for one request: what is created has to be small. Some stores take the
condition and do not heed it, so that it is tried before anything relies on it.
"""

import errno
import uuid
from functools import cached_property

from models.bucket.lock import locked
from models.bucket.objects import Objects
from models.errors import StoreUnavailable

_PROBE = "_whatsit/probe"


class Exclusive:
    """Creates ``objects``; of several processes that create the same one, one does."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def create(self, key: str, data: bytes) -> bool:
        """Write an object where none stands; whether ``data`` stands there now, which must be like nobody else's."""
        if self.is_conditional:
            return self._objects.create(key, data)
        with locked(self._objects, key):
            if (stands := self._objects.read(key)) is None:
                self._objects.write(key, data)
        return stands is None or stands == data

    @cached_property
    def is_conditional(self) -> bool:
        """Whether the store refuses to create what stands; raises StoreUnavailable."""
        try:
            return not all(self._objects.create(_PROBE, uuid.uuid4().hex.encode()) for _ in range(2))
        except StoreUnavailable as error:
            if getattr(error.__cause__, "errno", None) == errno.ENOSYS:  # the store says that it does not know it
                return False
            raise
