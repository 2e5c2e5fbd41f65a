"""What is asked of keys before anything listens."""

from importlib import import_module

from service.keys.file import KeyFile, KeysMissing
from service.settings import Settings


def check_keys(settings: Settings) -> str:
    """Whether requests need a key, in words for the log.

    Raises KeysMissing where strangers could reach a service without keys, and KeysUnreadable.
    """
    file = KeyFile(settings.keys)
    if file.exists():
        if any(key.rate for key in file.read().values()):
            import_module("service.keys.storage")  # 50 ms, which no request is to wait for
        return "required"
    if settings.is_local:
        return f"none, for there is no {file.path}: whoever is on this machine may do everything, and nobody else"
    raise KeysMissing(
        f"{settings.host} is not a loopback address, and without keys anybody on the network could do everything: "
        f"there is no {file.path}; `whatsit keys create` makes it"
    )
