"""Claims: which numbers of a model were given to publishers, whether anything came of it or not."""

import uuid
from collections.abc import Collection
from datetime import timedelta

from models.bucket.exclusive import Exclusive
from models.bucket.objects import Objects
from models.errors import Conflict
from models.place import Brought
from models.refs import is_version

# A publisher that takes longer than this gives up, for what it wrote may be deleted from then on.
ABANDONED_AFTER = timedelta(days=1)

_FOLDER = "_whatsit/claims"


class Claims:
    """Gives out numbers, each once; what was claimed stays claimed."""

    def __init__(self, objects: Objects, exclusive: Exclusive) -> None:
        self._objects = objects
        self._exclusive = exclusive

    def next(self, name: str, published: Collection[int]) -> int:
        """A number above all that were claimed, or ``published``."""
        claimed = [int(child) for child in self._objects.children(f"{_FOLDER}/{name}") if is_version(child)]
        version = max([*claimed, *published], default=0) + 1
        while not self._exclusive.create(_key(name, version), uuid.uuid4().hex.encode()):
            version += 1
        return version

    def take(self, name: str, brought: Brought, published: Collection[int]) -> int:
        """The number of a bundle that is brought; raises Conflict where another bundle has it, or had it.

        Whoever brings the same bundle has the same claim: one who died half way can begin again.
        """
        version, where = brought.version, self._objects.url
        if version in published:
            raise Conflict(f"{where} has or had another {name}@{version}, and no number is given twice")
        if not self._exclusive.create(_key(name, version), brought.digest.encode()):
            raise Conflict(
                f"somebody publishes another {name}@{version} there, or has begun to; where nobody does, delete "
                f"{where}/{_key(name, version)}"
            )
        return version

    def sweep(self, name: str, standing: Collection[int], mine: int) -> None:
        """Delete what dead processes left of versions that were claimed a day before ``mine`` and are not there."""
        left = {int(child) for child in self._objects.children(name) if is_version(child)}
        for version in left - {mine, *standing}:
            now, then = (self._objects.modified(_key(name, number)) for number in (mine, version))
            if now is not None and then is not None and now - then > ABANDONED_AFTER:
                self._objects.delete(self._objects.below(f"{name}/{version}"))


def _key(name: str, version: int) -> str:
    return f"{_FOLDER}/{name}/{version}"
