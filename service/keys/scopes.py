"""Which scope a request needs: one table, in which whatever is forgotten needs ``admin``."""

import re
from functools import lru_cache

from service.keys.key import KeyScope

READING = frozenset({"GET", "HEAD", "OPTIONS"})
_POST = frozenset({"POST"})

# What probes ask, who have no key; it says nothing but whether the service lives, and is ready.
_OPEN_PATHS = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})
_OPEN_METHODS = frozenset({"GET", "HEAD"})

_MODEL = ("/v1/models/{}", "/v1/models/{}/versions/{}")
_V2_MODEL = ("/v2/models/{}", "/v2/models/{}/versions/{}")
# None stands for any valid key: who sends images, or deploys, or watches, wants to know which models there are.
_TABLE: tuple[tuple[KeyScope | None, frozenset[str], tuple[str, ...]], ...] = (
    (
        "predict",
        _POST,
        (
            *("/v1/predict", "/v1/predict/batch", "/v1/models/{}/predict", "/v1/models/{}/predict/batch"),
            *(f"{model}/infer" for model in _V2_MODEL),
        ),
    ),
    ("jobs", READING | {"POST", "DELETE"}, ("/v1/jobs", "/v1/jobs/{}", "/v1/jobs/{}/results")),
    (None, READING, ("/", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/metrics")),
    (None, READING, ("/v1/models", *_MODEL, f"{_MODEL[1]}/report")),
    (
        None,
        READING,
        ("/v2", *(f"{model}{what}" for model in _V2_MODEL for what in ("", "/ready", "/config", "/stats"))),
    ),
    (None, _POST, ("/v2/repository/index",)),
)


def _pattern(templates: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(template).replace(r"\{\}", "[^/]+") for template in templates))


_ROWS = tuple((scope, methods, _pattern(templates)) for scope, methods, templates in _TABLE)


def is_open(method: str, path: str) -> bool:
    """Whether a request needs no key."""
    return path in _OPEN_PATHS and method in _OPEN_METHODS


@lru_cache(maxsize=256)
def scope_needed(method: str, path: str) -> KeyScope | None:
    """The scope that a key must have for such a request, None where any key will do.

    ``path`` is that of the ASGI scope. What the table does not know, be it that it does not exist, needs ``admin``.
    """
    for scope, methods, pattern in _ROWS:
        if method in methods and pattern.fullmatch(path):
            return scope
    return "admin"


def changes_something(method: str, path: str) -> bool:
    """Whether such a request may leave something behind, in the registry or among jobs."""
    return method not in READING and scope_needed(method, path) in {"jobs", "admin"}
