"""Removing old versions from a store, but for those that somebody may still want."""

from models.aliases import versions_before
from models.errors import Conflict
from models.store import Store


def removable(store: Store, name: str, keep: int) -> list[int]:
    """The versions of a model but for the last ``keep`` and those that an alias names, or named before its last move.

    Raises ModelNotFound.
    """
    listing = store.listing(name)
    held = {version for target in listing.targets.values() for version in target.versions}
    for alias in listing.targets:
        held |= set(versions_before(store, name, alias)[:1])
    return [version for version in listing.versions[: max(0, len(listing.versions) - keep)] if version not in held]


def prune(store: Store, name: str, keep: int, *, who: str, why: str) -> list[int]:
    """Remove them; returns those that were removed: an alias may have moved to one meanwhile."""
    removed = []
    for version in removable(store, name, keep):
        try:
            store.remove(name, version, who=who, why=why)
        except Conflict:
            continue
        removed.append(version)
    return removed
