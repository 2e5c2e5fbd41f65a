"""Without keys whoever is on this machine may do everything, and so may a page in a browser on it, unless told apart.

A page may send requests anywhere, though it reads no answers of others: what it sends names it in ``Origin``. And a
page whose name is made to lead to 127.0.0.1 (DNS rebinding) may read too, but its requests name it in ``Host``.
"""

import re
from functools import lru_cache

from starlette.types import Scope

from service.errors import ForeignRequest
from service.keys.scopes import changes_something

_LOOPBACK = re.compile(rb"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_WAY_OUT = "`whatsit keys create` makes a key, and with keys this does not matter"


@lru_cache
def _is_loopback(host: bytes) -> bool:
    return _LOOPBACK.fullmatch(host) is not None


def refuse_foreign(scope: Scope) -> None:
    """Raise ForeignRequest for what a page of somebody else may have sent."""
    host = origin = None
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
            if not _is_loopback(value):
                raise ForeignRequest(
                    "without keys only requests to localhost, 127.0.0.1 or [::1] are answered, and the Host of this "
                    f"one is another; {_WAY_OUT}"
                )
        elif name == b"origin":
            origin = value.lower()
    if origin is None or not changes_something(scope["method"], scope["path"]):
        return
    if host is None or origin.partition(b"://")[2] != host.lower():
        raise ForeignRequest(f"without keys no page of another origin may change anything here; {_WAY_OUT}")
