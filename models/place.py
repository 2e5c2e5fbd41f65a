"""Where a store keeps its models, as the store sees it: a folder, or an object store."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from models.audit import Entry
from models.locations import Location
from models.targets import Listing

# Says what is to change, given what stands and the audit log, oldest first; raises Conflict or NotFound when it may
# not. It may be asked again, when somebody else was quicker.
Decide = Callable[[Listing, Sequence[Entry]], Entry]


# What dies without a word keeps a version for so long.
HELD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Draft:
    """A bundle that is being written into ``folder``, and the number that it will have."""

    folder: Path
    version: int


@dataclass(frozen=True, slots=True)
class Brought:
    """A bundle that exists elsewhere, and keeps its ``version``; ``digest`` is the sha256 of its manifest."""

    version: int
    digest: str


class Place(Protocol):
    """Keeps bundles, aliases and audit logs. Names are those of models.

    Reading raises StoreUnavailable when the place cannot be reached.
    """

    @property
    def location(self) -> Location:
        """The folder, or the URL."""

    def look(self) -> None:
        """See what stands now, where that is not seen at each reading anyway; raises StoreUnavailable."""

    def names(self) -> list[str]:
        """What may be models, in any order."""

    def listing(self, name: str) -> Listing | None:
        """What stands of a model; None where it has no version."""

    def history(self, name: str) -> list[Entry]:
        """The audit log of a model, oldest first."""

    def read(self, name: str, version: int, file: str) -> bytes:
        """The content of a file of a version, which exists; raises OSError where it cannot be read."""

    def signature(self, name: str, version: int) -> bytes | None:
        """The signature of the manifest of a version, which exists; None where it has none."""

    def bundle(self, name: str, version: int, *, anew: bool = False) -> Path:
        """A folder with the files of a version, which exists; ``anew``, with what the place holds of it now.

        Raises BundleError where what it holds is not what was published, which is not always found out here.
        """

    def draft(self, name: str, *, who: str, why: str, brought: Brought | None = None) -> AbstractContextManager[Draft]:
        """A folder to write a version into; it appears whole when the context ends well, else nothing does.

        It is the next one, or the one that is ``brought``; raises Conflict where that number was given already.
        """

    def sign(self, name: str, version: int, signature: bytes, *, who: str, why: str) -> None:
        """Keep the signature of a version's manifest beside it, in one step, and note that in the audit log."""

    def hold(self, name: str, version: int, holder: str) -> None:
        """Note that ``holder`` needs a version, for HELD_FOR from now on; raises VersionNotFound where it is gone."""

    def release(self, name: str, version: int, holder: str) -> None:
        """Note that it does not need it any more."""

    def holders(self, name: str, version: int) -> list[str]:
        """Those that need a version."""

    def change(self, name: str, decide: Decide) -> Entry:
        """Do what ``decide`` says, in one step and noted in the audit log; returns what it said."""
