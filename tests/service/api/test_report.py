"""The evaluation report over HTTP."""

from collections.abc import AsyncIterator

import pytest

from models.store import Store
from service.settings import Settings
from tests.service.support.apps import App, running_app
from tests.service.support.problems import assert_problem
from tests.support.bundles import publish_tiny

PATH = "/v1/models/tiny/versions/1/report"


@pytest.fixture
async def app(store: Store) -> AsyncIterator[App]:
    """An app over a store that the test may change."""
    async with running_app(Settings(store=store.location, threads=1)) as app:
        yield app


async def test_it_is_the_page_of_the_bundle(app: App, store: Store) -> None:
    response = await app.client.get(PATH)
    assert response.status_code == 200
    assert response.content == (store.bundle("tiny", 1) / "report.html").read_bytes()
    assert response.headers["content-type"] == "text/html; charset=utf-8"


async def test_it_can_do_nothing_but_show_itself(app: App) -> None:
    headers = (await app.client.get(PATH)).headers
    policy = headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "img-src data:", "form-action 'none'", "base-uri 'none'", "sandbox"} <= set(policy)
    assert not [directive for directive in policy if directive.startswith(("script-src", "connect-src"))]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_who_has_it_need_not_load_it_again(app: App, form: str) -> None:
    first = await app.client.get(PATH)
    assert first.headers["cache-control"].startswith("private")
    again = await app.client.get(PATH, headers={"if-none-match": form.format(first.headers["etag"])})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = await app.client.get(PATH, headers={"if-none-match": '"other"'})
    assert other.content == first.content


async def test_what_has_none_is_not_found(app: App, store: Store) -> None:
    publish_tiny(store.location, "bare", documents={"MODEL_CARD.md": "# Bare\n"})
    for path in ("bare/versions/1", "bare/versions/2", "nothing/versions/1"):
        assert_problem(await app.client.get(f"/v1/models/{path}/report"), 404, "not-found")
    for path in ("tiny/versions/x", "TINY/versions/1"):
        assert_problem(await app.client.get(f"/v1/models/{path}/report"), 400, "invalid-ref")


async def test_what_is_not_what_was_published_is_not_shown(app: App, store: Store) -> None:
    (store.bundle("tiny", 1) / "report.html").write_text("<script>alert(1)</script>")
    assert_problem(await app.client.get(PATH), 503, "version-refused")


async def test_openapi_says_that_it_is_html(app: App) -> None:
    paths = (await app.client.get("/openapi.json")).json()["paths"]
    answers = paths["/v1/models/{name}/versions/{version}/report"]["get"]["responses"]
    assert list(answers["200"]["content"]) == ["text/html"]
    assert "404" in answers
