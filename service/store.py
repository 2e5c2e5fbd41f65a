"""The store of the settings."""

from models.store import Store
from models.trust import read_trusted
from service.settings import Settings


def store_of(settings: Settings) -> Store:
    """The store that ``settings`` name, of signed versions alone where they ask for that; raises KeyUnusable."""
    return Store(settings.store, read_trusted(settings.require_signature))
