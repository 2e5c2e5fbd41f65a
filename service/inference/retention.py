"""Which engines stay open: those of what aliases name, and the last few others, within a budget of memory."""

from collections.abc import Iterator, Mapping, Sequence

from models.refs import Ref
from models.targets import Found, Listing
from service.inference.engines import Berth, Key
from service.settings import Settings


def to_close(
    berths: Sequence[Berth], listings: Mapping[str, Listing], served: Mapping[Ref, Found], settings: Settings
) -> list[Key]:
    """Which of the open ``berths``, that one first which was not asked for the longest, nobody needs any more.

    Never one that an alias names, or that answers a ref; of the others those that were removed from the store, those
    before the last ``spare_versions``, and as many more as it takes to keep to ``engines_bytes``.
    """
    needed = set(_needed(listings, served))
    others = [berth.key for berth in berths if berth.key not in needed]
    gone = [key for key in others if not _stands(key, listings)]
    spare = [key for key in others if key not in gone]
    closing = gone + spare[: max(0, len(spare) - settings.spare_versions)]
    if settings.engines_bytes:
        sizes = {berth.key: berth.engine.memory for berth in berths if berth.engine}
        held = sum(sizes.values()) - sum(sizes[key] for key in closing)
        for key in spare:
            if held <= settings.engines_bytes:
                break
            if key not in closing:
                closing.append(key)
                held -= sizes[key]
    return closing


def _needed(listings: Mapping[str, Listing], served: Mapping[Ref, Found]) -> Iterator[Key]:
    for name, listing in listings.items():
        for target in listing.aliases.values():
            yield from (Key(name, version) for version in target.versions)
    for ref, found in served.items():
        yield from (Key(ref.name, version) for version in found.target.versions)


def _stands(key: Key, listings: Mapping[str, Listing]) -> bool:
    listing = listings.get(key.model)
    return listing is not None and key.version in listing.versions
