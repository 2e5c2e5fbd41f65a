"""The evaluation report of a version, as HTML that can do nothing but show itself."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import HTMLResponse

from models.documents import REPORT, read_document
from models.refs import check_name, parse_version
from service.api.documentation import problems
from service.api.models import Name, Version
from service.deps import ServicesDep

router = APIRouter(prefix="/v1/models", tags=["models"], responses=problems(400, 404, 503))

# A bundle may come from anybody: whatever its report holds, it runs no script, sends no form, asks nobody for anything.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
_Known = Annotated[str | None, Header(description="The ETag of an answer that is at hand; 304 when it still holds.")]


@router.get("/{name}/versions/{version}/report", response_class=HTMLResponse)
def show_report(name: Name, version: Version, services: ServicesDep, if_none_match: _Known = None) -> Response:
    """Show the evaluation report of one version: its numbers, curves and mistakes, as a page for people."""
    document = read_document(services.store, check_name(name), parse_version(version), REPORT)
    headers = {
        "etag": f'"{document.sha256}"',
        "cache-control": "private, max-age=3600",  # a version never changes, but it may be removed
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    if _matches(if_none_match, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(document.data, headers=headers)


def _matches(known: str | None, etag: str) -> bool:
    """RFC 9110, section 13.1.2; a weak tag of the same content will do."""
    return known is not None and any(tag.strip().removeprefix("W/") in {etag, "*"} for tag in known.split(","))
