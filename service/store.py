"""The store of the settings."""

from models.bucket.cache import Cache
from models.store import Store
from models.trust import read_trusted
from service.settings import Settings


def store_of(settings: Settings, *, serving: bool = False) -> Store:
    """The store that ``settings`` name, of signed versions alone where they ask for that; raises KeyUnusable.

    A process that is ``serving`` goes by what was last seen of a bucket: see models.bucket.place.Bucket.
    """
    cache = Cache(settings.store_cache, settings.store_cache_bytes)
    return Store(settings.store, read_trusted(settings.require_signature), cache, serving=serving)
