"""Where stores are: a folder, or the URL of a bucket; and where what comes from a bucket is kept."""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from models.errors import InvalidLocation, StoreUnavailable

Location = Path | str  # a folder, or the URL of a bucket


class _Scheme(NamedTuple):
    """A package that fsspec needs for URLs of this scheme, and the extra that has it."""

    package: str
    extra: str


_PLAIN = re.compile(r"[A-Za-z0-9 ._/=+@~-]+")  # nothing that fsspec would take for a pattern or an option
_SCHEMES = {"s3": _Scheme("s3fs", "s3"), "gs": _Scheme("gcsfs", "gs"), "memory": _Scheme("fsspec", "")}


def parse_location(written: str | Path) -> Location:
    """The place that ``written`` names: a URL such as ``s3://bucket/models`` as it is, anything else as a folder.

    Raises InvalidLocation for a URL that no store can be at.
    """
    scheme, separator, rest = str(written).partition("://")
    if not separator or isinstance(written, Path):
        return Path(written)
    if scheme not in _SCHEMES or not _PLAIN.fullmatch(rest) or not rest.strip("/") or ".." in rest.split("/"):
        known = ", ".join(f"{known}://bucket/prefix" for known in _SCHEMES)
        raise InvalidLocation(f"{written} is no place for a store: give a folder, or a URL such as {known}")
    return f"{scheme}://{rest.strip('/')}"


def require_package(url: str) -> None:
    """Raise StoreUnavailable, which says what to install, where the package for such a URL is missing."""
    needed = _SCHEMES[url.partition("://")[0]]
    if find_spec(needed.package) is None:
        raise StoreUnavailable(f"{url} needs {needed.package}: pip install 'whatsit[{needed.extra}]'")


def default_root() -> Path:
    """The store that is shipped with the project: ``models/store``."""
    return Path(__file__).parent / "store"


def is_replaceable(location: Location) -> bool:
    """Whether it is the store of an installed copy, which the next installation replaces, and of no checkout."""
    checkout = Path(__file__).parents[1] / "pyproject.toml"
    in_copy = isinstance(location, Path) and location.resolve() == default_root().resolve()
    return in_copy and not checkout.exists()


def user_cache() -> Path:
    """The folder for what can be had again: ``$WHATSIT_CACHE``, else ``whatsit`` in the user's cache."""
    if chosen := os.environ.get("WHATSIT_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "whatsit"


def default_store_cache() -> Path:
    """The folder for what comes from buckets: ``$WHATSIT_STORE_CACHE``, else ``stores`` in the user's cache.

    Raises StoreUnavailable where the user has no home.
    """
    if chosen := os.environ.get("WHATSIT_STORE_CACHE"):
        return Path(chosen)
    try:
        return user_cache() / "stores"
    except RuntimeError as error:
        raise StoreUnavailable(
            "there is no home to keep what comes from a bucket: name a folder, store_cache"
        ) from error
