"""Every route and every method, those that somebody forgot too, answers in one of the known shapes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from service.app import create_app
from service.settings import Settings
from tests.service.api.openinference.support import assert_error
from tests.service.support.apps import App
from tests.service.support.problems import assert_discreet, assert_problem
from tests.support.bundles import publish_tiny

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"]
PARAMETERS = {
    **dict.fromkeys(("{ref}", "{model}", "{name}"), "tiny"),
    "{version}": "1",
    "{alias}": "production",
    **dict.fromkeys(("{example}", "{job}"), "0" * 32),
}
PLATFORM = b"onnxruntime"  # which the Open Inference Protocol has told
PAGES = {"/", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"}


def routes(parent: Any) -> Iterator[tuple[str, set[str]]]:
    """Path and methods of every route, those of included routers as well."""
    for route in parent.routes:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router)
        else:
            yield route.path, route.methods


def all_routes() -> list[tuple[str, set[str]]]:
    found: dict[str, set[str]] = {}
    for path, methods in routes(create_app(Settings())):
        found[path] = found.get(path, set()) | methods
    return list(found.items())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A store to harm: some routes delete."""
    publish_tiny(tmp_path / "store")
    return Settings(store=tmp_path / "store", threads=1, max_batch=1)


def concrete(path: str) -> str:
    for parameter, value in PARAMETERS.items():
        path = path.replace(parameter, value)
    assert "{" not in path
    return path


def test_no_route_is_undocumented_but_the_pages() -> None:
    app: FastAPI = create_app(Settings())
    assert {path for path, _ in routes(app)} == set(app.openapi()["paths"]) | PAGES


@pytest.mark.parametrize(("path", "allowed"), all_routes())
async def test_each_route_with_every_method(app: App, path: str, allowed: set[str]) -> None:
    for method in METHODS:
        response = await app.client.request(method, concrete(path))
        assert response.headers["x-request-id"]
        if method not in allowed:
            assert response.status_code == 405
            assert set(response.headers["allow"].split(", ")) == allowed
        if method == "HEAD":
            assert response.content == b""
        elif response.status_code >= 400:
            assert response.status_code < 500 or path.endswith("/health/ready")
            if path.startswith("/v2"):
                assert_error(response, response.status_code)
            else:
                assert_problem(response, response.status_code, response.json()["type"].rpartition(":")[2])
        elif path not in PAGES:
            assert_discreet(response.content.replace(PLATFORM, b""))


NOWHERE = [
    *["/nothing", "//", "/v1", "/v1/", "/v1/models/", "/v1/predict/", "/v1//predict", "/health", "/health/live/"],
    *["/v1/models/tiny/versions", "/v1/models/tiny/versions/1/report/", "/v1/models/tiny/versions/1/model.onnx"],
    *["/%00", "/.env", "/v1/models/tiny@1/versions/1/..%2f..%2f"],
]


async def test_any_other_path_is_not_found(app: App) -> None:
    for path in NOWHERE:
        for method in ("GET", "POST"):
            response = await app.client.request(
                method, f"http://localhost{path}", headers={"x-forwarded-host": "evil.example"}
            )
            assert_problem(response, 404, "http")
            assert "evil" not in str(response.headers)


async def test_the_first_page_leads_to_the_documentation(app: App) -> None:
    response = await app.client.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/docs")
    assert (await app.client.get("/docs")).status_code == 200
