"""Who may come in: asked with the headers alone, before the body of any request is read."""

from collections.abc import Iterable

from starlette.types import Scope

from service.errors import ScopeMissing, Unauthenticated
from service.keys.browser import refuse_foreign
from service.keys.file import KeyFile
from service.keys.key import Key, is_secret_of, parse_key
from service.keys.rates import Rates
from service.keys.ring import KeyRing
from service.keys.scopes import is_open, scope_needed
from service.settings import Settings
from service.workers.board import Slot

_BEARER = b"bearer "
_HOW = "send one as `Authorization: Bearer KEY` or `X-API-Key: KEY`"


class Gate:
    """Lets in who has the right key, or who is on this machine where there are no keys."""

    def __init__(self, settings: Settings, slot: Slot) -> None:
        if not settings.is_local:
            slot.board.require_keys()  # were the file to vanish before it was ever read, nothing would be open
        self._ring = KeyRing(KeyFile(settings.keys), slot.board)
        self._rates = Rates(slot)

    def admit(self, scope: Scope) -> None:
        """Raise Unauthenticated, RateExceeded, ScopeMissing or ForeignRequest unless the request may go on.

        The id of the key that was presented joins the log line; ``scope["state"]["key"]`` is the id of the one that was
        let in, None without keys.
        """
        method, path = scope["method"], scope["path"]
        scope["state"]["key"] = None
        if is_open(method, path):
            return
        if not self._ring.required():
            refuse_foreign(scope)
            return
        key = self._authenticate(scope)
        self._rates.count(key)
        needed = scope_needed(method, path)
        if needed is not None and needed not in key.scopes:
            raise ScopeMissing(
                f"this needs a key with the scope {needed}, and the scopes of this one are: {', '.join(key.scopes)}"
            )
        scope["state"]["key"] = key.id

    def _authenticate(self, scope: Scope) -> Key:
        presented = _presented(scope["headers"])
        if presented is None:
            raise Unauthenticated(f"this service asks for a key: {_HOW}")
        parsed = parse_key(presented)
        if parsed is None:
            raise Unauthenticated(f"what was sent is not a key of this service: {_HOW}")
        key_id, secret = parsed
        scope["state"]["noted"]["key"] = key_id
        key = self._ring.find(key_id)
        if not is_secret_of(key, secret) or key is None:
            raise Unauthenticated("this key is not known here, or no longer")
        return key


def _presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The first key among the headers; a proxy may have put an Authorization of another kind there for itself."""
    for name, value in headers:
        if name == b"x-api-key":
            return value
        if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
            return value[len(_BEARER) :].strip()
    return None
