"""A store: models, their versions and aliases. Finding and naming; see opening for proving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.audit import Entry
from models.bucket.cache import Cache
from models.errors import Conflict, InvalidManifest, ModelNotFound
from models.folder import Folder
from models.layout import MANIFEST
from models.locations import Location
from models.manifest import Manifest, parse_manifest
from models.place import Place
from models.refs import Ref
from models.targets import Listing, Target
from models.trust import Trusted, check_signature, read_signature


@dataclass(frozen=True, slots=True)
class Resolved:
    """The version that a ref means now; ``alias`` is the one that it went through, if any."""

    name: str
    version: int
    alias: str | None


class Store:
    """The models at ``location``, a folder or the URL of a bucket; what it tells was so when it was asked.

    With ``trusted`` keys no manifest is read that none of them signed, so that no other version can be opened. What
    comes from a bucket is kept in ``cache``, by default the user's; for ``serving`` see models.bucket.place.Bucket.
    """

    def __init__(
        self,
        location: Location,
        trusted: Trusted | None = None,
        cache: Cache | None = None,
        *,
        serving: bool = False,
    ) -> None:
        self.trusted = trusted
        self.place: Place = _place(location, cache, serving=serving)

    @property
    def location(self) -> Location:
        """The folder, or the URL."""
        return self.place.location

    @property
    def is_near(self) -> bool:
        """Whether to look into it takes no longer than to look into a file."""
        return isinstance(self.place, Folder)

    def look(self) -> None:
        """See what stands now, where that is not seen at each reading anyway; raises StoreUnavailable."""
        self.place.look()

    def names(self) -> list[str]:
        """All models that have a version, sorted; raises StoreUnavailable."""
        return list(self.listings())

    def listing(self, name: str) -> Listing:
        """What stands of a model; raises ModelNotFound."""
        found = self.place.listing(name)
        if found is None:
            known = ", ".join(self.names()) or "none"
            raise ModelNotFound(f"there is no model {name!r}; the store has: {known}")
        return found

    def listings(self) -> dict[str, Listing]:
        """What stands of all models, sorted by name; raises StoreUnavailable."""
        found = {name: self.place.listing(name) for name in sorted(self.place.names())}
        return {name: listing for name, listing in found.items() if listing is not None}

    def versions(self, name: str) -> list[int]:
        """The versions of a model in rising order; raises ModelNotFound."""
        return list(self.listing(name).versions)

    def targets(self, name: str) -> Mapping[str, Target]:
        """The aliases of a model and what they name."""
        listing = self.place.listing(name)
        return {} if listing is None else listing.targets

    def aliases(self, name: str) -> dict[str, int]:
        """The aliases of a model and the versions they name, canaries aside."""
        return {alias: target.version for alias, target in self.targets(name).items()}

    def history(self, name: str) -> Sequence[Entry]:
        """The audit log of a model, oldest first; raises ModelNotFound."""
        self.listing(name)
        return self.place.history(name)

    def resolve(self, ref: Ref) -> Resolved:
        """Find the version of ``ref``, canaries aside; a name alone is its ``production``, else its newest version.

        Raises ModelNotFound, VersionNotFound or AliasNotFound.
        """
        found = self.listing(ref.name).find(ref)
        return Resolved(ref.name, found.target.version, found.alias)

    def bundle(self, name: str, version: int, *, anew: bool = False) -> Path:
        """A folder with the files of a version; ``anew``, with what the store holds of it now, not what is kept here.

        Raises ModelNotFound or VersionNotFound, and of a bucket BundleError where it holds something else than was
        published.
        """
        self.listing(name).existing(version)
        return self.place.bundle(name, version, anew=anew)

    def read(self, name: str, version: int, file: str) -> bytes:
        """The content of a file of a version; raises NotFound, or OSError where it cannot be read."""
        self.listing(name).existing(version)
        return self.place.read(name, version, file)

    def manifest(self, name: str, version: int) -> Manifest:
        """The manifest of a version; raises NotFound, InvalidManifest, SignatureMissing or SignatureInvalid."""
        told = f"{name}@{version}"
        try:
            data = self.read(name, version, MANIFEST)
            if self.trusted is not None:
                check_signature(data, self.place.signature(name, version), self.trusted, told)
        except OSError as error:
            raise InvalidManifest(f"{told} has no readable {MANIFEST}") from error
        return parse_manifest(data)

    def hold(self, name: str, version: int, holder: str) -> None:
        """Keep a version from being removed, for a week, or until ``holder`` releases it; raises NotFound."""
        self.place.hold(name, version, holder)

    def release(self, name: str, version: int, holder: str) -> None:
        """Let go of a version."""
        self.place.release(name, version, holder)

    def remove(self, name: str, version: int, *, who: str, why: str) -> None:
        """Delete a version that no alias names and nobody holds; raises Conflict when it is not so, or NotFound."""

        def decide(listing: Listing, _: Sequence[Entry]) -> Entry:
            listing.existing(version)
            holding = sorted(alias for alias, target in listing.targets.items() if version in target.versions)
            if holding:
                raise Conflict(f"{name}@{version} is what {', '.join(holding)} names; move the alias first")
            if held := len(self.place.holders(name, version)):
                raise Conflict(f"{name}@{version} scores {held} unfinished jobs; wait for them, or cancel them")
            return Entry(action="remove", before=version, who=who, why=why)

        self.versions(name)
        self.place.change(name, decide)


def _place(location: Location, cache: Cache | None, *, serving: bool) -> Place:
    if isinstance(location, Path):
        return Folder(location)
    from models.bucket.place import Bucket  # noqa: PLC0415 - what it takes is imported only where it is needed

    return Bucket(location, cache or Cache(), serving=serving)


def read_manifest(bundle: Path, trusted: Trusted | None = None) -> Manifest:
    """The manifest in a bundle's folder, signed by one of the ``trusted`` keys, where there are any.

    Raises InvalidManifest, SignatureMissing or SignatureInvalid.
    """
    told = f"{bundle.parent.name}@{bundle.name}"
    try:
        data = (bundle / MANIFEST).read_bytes()
        if trusted is not None:
            check_signature(data, read_signature(bundle), trusted, told)
    except OSError as error:
        raise InvalidManifest(f"{told} has no readable {MANIFEST}") from error
    return parse_manifest(data)
