"""What OpenAPI says of bodies that the routes read themselves. Its examples really run; a test sends them."""

from collections.abc import Mapping
from typing import Any

from service.keys.scopes import is_open, scope_needed
from service.responses import PROBLEM_TYPE
from service.schemas import ProblemOut

# A red 8 x 8 PNG made for this page.
EXAMPLE_IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mP4z8CAFTEMLQkAKP8/wc53yE8AAAAASUVORK5CYII="

_BINARY = {"type": "string", "format": "binary"}
_ANY = {"schema": _BINARY}


_IMAGES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp")


def _body(description: str, form: dict[str, Any], json: dict[str, Any], *others: str) -> dict[str, Any]:
    content = {"multipart/form-data": form, "application/json": json}
    content |= dict.fromkeys((*_IMAGES, *others), _ANY)
    return {"requestBody": {"required": True, "description": description, "content": content}}


def _member(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": [name], "properties": {name: schema}, "additionalProperties": False}


_BASE64 = {"type": "string", "contentEncoding": "base64"}
PREDICT_BODY = _body(
    "One JPEG, PNG, WebP, GIF or BMP image: as the form field `file`, as the bytes themselves, or as base64.",
    {"schema": _member("file", _BINARY)},
    {"schema": _member("image", _BASE64), "example": {"image": EXAMPLE_IMAGE}},
)
BATCH_BODY = _body(
    "Many images: as the form field `files`, repeated, as one zip archive, or as base64. The bytes of one image are a "
    "batch of one.",
    {"schema": _member("files", {"type": "array", "items": _BINARY})},
    {
        "schema": _member("images", {"type": "array", "items": _BASE64, "minItems": 1}),
        "example": {"images": [EXAMPLE_IMAGE, EXAMPLE_IMAGE]},
    },
    "application/zip",
)

JOB_BODY = {
    "requestBody": {
        "required": True,
        "description": "Many images: as a zip or tar archive, which may be gzipped; as the form field `files`, "
        "repeated; or by their keys in the input store of the service, where it has one.",
        "content": {
            **dict.fromkeys(("application/zip", "application/x-tar", "application/gzip"), _ANY),
            "multipart/form-data": {"schema": _member("files", {"type": "array", "items": _BINARY})},
            "application/json": {
                "schema": _member("keys", {"type": "array", "items": {"type": "string"}, "minItems": 1}),
                "example": {"keys": ["2026/cat.jpg", "2026/dog.jpg"]},
            },
        },
    }
}
RESULTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows.",
        "content": dict.fromkeys(("application/x-ndjson", "text/csv", "application/vnd.apache.parquet"), _ANY),
    },
    206: {"description": "The part of them that Range asks for."},
    304: {"description": "They are what If-None-Match names."},
}

_PROBLEM = {PROBLEM_TYPE: {"schema": ProblemOut.model_json_schema()}}
_DESCRIPTIONS: dict[int | str, str] = {
    400: "The request is malformed.",
    401: "A key is needed, and there is none, or none that is known.",
    403: "The key has not the scope that this needs; without keys, another origin or host.",
    404: "No such model, version or alias.",
    408: "The body did not arrive in time.",
    409: "Something else stands than was expected, or the gate refuses: then with what was compared",
    413: "Too many bytes, pixels or images.",
    415: "The content type, or the format of an image, is not accepted.",
    422: "The image cannot be decoded.",
    429: "Full, or the key asks too often; Retry-After says when to ask again.",
    503: "Not ready, or shutting down.",
    504: "No answer in time.",
    416: "There is no such part.",
    507: "No room on the disk.",
    "default": "Any other problem, in the same shape.",
}


def problems(*statuses: int, content: Mapping[str, object] = _PROBLEM) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the problems that a route answers, in whichever shape."""
    told: tuple[int | str, ...] = (*statuses, "default")
    return {status: {"description": _DESCRIPTIONS[status], "content": content} for status in told}


PROBLEMS = problems(400, 404, 408, 413, 415, 422, 429, 503, 504)


def with_keys(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document, which says of each operation which scope its key must have, where there are keys."""
    document.setdefault("components", {})["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "whatsit_<id>_<secret>"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not is_open(method.upper(), path):
                scope = scope_needed(method.upper(), path)
                scopes = [scope] if scope else []
                # The first of these says that none is needed where there are no keys.
                operation["security"] = [{}, {"bearer": scopes}, {"header": scopes}]
                operation["responses"] |= _refusals(operation["responses"])
    return document


def _refusals(responses: dict[str, Any]) -> dict[str, Any]:
    """What a key may be answered, in the shape that the path has for its problems."""
    content = responses.get("default", {}).get("content", _PROBLEM)
    return {str(status): {"description": _DESCRIPTIONS[status], "content": content} for status in (401, 403)}
