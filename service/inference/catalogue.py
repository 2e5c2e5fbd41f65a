"""The catalogue: what the store held when it was last looked at, and what requests are answered from meanwhile."""

import time
from collections.abc import Callable, Iterator, Mapping

from models.errors import AliasNotFound, InvalidManifest, ModelNotFound, NotFound, StoreUnavailable, VersionNotFound
from models.refs import Ref
from models.store import Store
from models.targets import Found, Listing, Target

# A ref that is not found is looked up in the store, as it may just have been published; strangers ask for many.
_LOOKED_UP_EVERY_S = 0.05


class Catalogue:
    """What the aliases of ``store`` name. An alias that moves is served from its old target until told otherwise.

    Nothing is read from the store at a request, but where the store is a folder: then refs that are not known are.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._listings: Mapping[str, Listing] | None = None
        self._served: dict[Ref, Found] = {}  # of refs that were asked for and can move
        self._looked_up = 0.0

    @property
    def listings(self) -> Mapping[str, Listing]:
        """What stood when it was last looked at, by model; raises StoreUnavailable where that was never possible."""
        if self._listings is None:
            if not self._store.is_near:  # the event loop must not wait for a network
                raise StoreUnavailable(f"{self._store.location} was not seen yet")
            self._listings = self._store.listings()
        return self._listings

    @property
    def served(self) -> Mapping[Ref, Found]:
        """What the refs that were asked for are answered by."""
        return self._served

    def find(self, ref: Ref) -> Found:
        """What answers ``ref`` now; raises NotFound."""
        found = self._served.get(ref)
        if found is None:
            found = self._find(ref)
            if ref.version is None:
                self._served[ref] = found
        return found

    def look(self) -> None:
        """See what the store holds now; may be called in any thread.

        Raises StoreUnavailable, after which all is as it was last seen, be it by an earlier process. A store that held
        models and holds none is one whose disk is not mounted.
        """
        try:
            self._store.look()
        finally:
            listings = self._store.listings()
            if not self._listings or listings:
                self._listings = listings
        if not listings and self._listings:
            raise StoreUnavailable("it held models, and holds none now")

    def moved(self) -> Iterator[tuple[Ref, Found, Found]]:
        """The refs that name something else than what they are answered by: what that is, and what it should be.

        Those whose alias is gone are forgotten. One whose alias names a version that is not there, or not yet, goes on
        as it was.
        """
        for ref, found in list(self._served.items()):
            try:
                wanted = self._known(ref)
            except (ModelNotFound, AliasNotFound):
                del self._served[ref]
                continue
            except (VersionNotFound, InvalidManifest):  # somebody is at it
                continue
            if wanted != found:
                yield ref, found, wanted

    def named(self, name: str, alias: str) -> Target | None:
        """What an alias of a model named when the store was last looked at; None where there was none."""
        listing = (self._listings or {}).get(name)
        return None if listing is None else listing.aliases.get(alias)

    def serve(self, ref: Ref, found: Found) -> None:
        """Answer ``ref`` by ``found`` from now on."""
        self._served[ref] = found

    def _find(self, ref: Ref) -> Found:
        try:
            return self._known(ref)
        except NotFound:
            if not self._store.is_near or self._clock() - self._looked_up < _LOOKED_UP_EVERY_S:
                raise
        self._looked_up = self._clock()
        listing = self._store.place.listing(ref.name)
        if listing is not None:
            self._listings = {**self.listings, ref.name: listing}
        return self._known(ref)

    def _known(self, ref: Ref) -> Found:
        listing = self.listings.get(ref.name)
        if listing is None:
            raise ModelNotFound(f"there is no model {ref.name!r}; the store has: {', '.join(self.listings) or 'none'}")
        return listing.find(ref)
