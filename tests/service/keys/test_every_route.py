"""Every route and every method of the app, those that come later too: without a key nothing is answered."""

from typing import Any

import pytest

from models.store import Store
from service.keys.scopes import is_open, scope_needed
from service.settings import Settings
from tests.service.api.test_routes import METHODS, NOWHERE, all_routes, concrete
from tests.service.support.apps import App
from tests.service.support.keys import UNKNOWN, bearer, make_key

pytestmark = pytest.mark.usefixtures("seen_at_once")
SCOPES: Any = ("predict", "jobs", "admin")
ROUTES = [(method, concrete(path)) for path, _ in all_routes() for method in METHODS]
ELSEWHERE = [(method, path) for path in NOWHERE for method in ("GET", "POST", "OPTIONS")]


@pytest.fixture
def settings(store: Store) -> Settings:
    """A store of the test's own: who may do everything removes what is in it."""
    return Settings(store=store.location, default_model="tiny", threads=1, lanes=1, max_batch=8)


@pytest.mark.parametrize("header", [{}, bearer(UNKNOWN)], ids=["no key", "an unknown key"])
async def test_all_ask_for_a_key_but_those_of_probes(app: App, header: dict[str, str]) -> None:
    make_key(*SCOPES)
    opened = set()
    for method, path in ROUTES + ELSEWHERE:
        response = await app.client.request(method, f"http://localhost{path}", headers=header)
        if response.status_code != 401:
            opened.add(path)
            assert is_open(method, path), (method, path)
            assert response.status_code in {200, 405, 503}
    assert opened == {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"}


async def test_each_answers_who_has_the_scope_that_it_needs_and_nobody_else(app: App) -> None:
    keys = {scope: make_key(scope) for scope in SCOPES}
    for method, path in ROUTES:
        needed = scope_needed(method, path)
        for scope, header in keys.items():
            response = await app.client.request(method, path, headers=header)
            if is_open(method, path) or needed in {None, scope}:
                assert response.status_code not in {401, 403}, (method, path, scope)
            else:
                assert response.status_code == 403, (method, path, scope)


def test_what_the_app_offers_to_all_but_admins_is_meant_so() -> None:
    """Who adds a route that changes something need not think of keys; who adds another one does, here."""
    changing = {(method, path) for path, methods in all_routes() for method in methods - {"GET", "HEAD", "OPTIONS"}}
    for method, path in changing:
        scope = scope_needed(method, path)
        assert scope is not None or path == "/v2/repository/index", (method, path)
        assert scope != "predict" or path.endswith(("/predict", "/predict/batch", "/infer")), (method, path)


async def test_a_route_that_nobody_thought_of_is_for_admins(app: App) -> None:
    async def new() -> None:
        return None

    app.app.add_api_route("/v1/new/{thing}", new, methods=["GET", "POST"])
    statuses = {
        scope: [
            (await app.client.request(method, "/v1/new/1", headers=header)).status_code for method in ("GET", "POST")
        ]
        for scope, header in {"none": {}, "others": make_key("predict", "jobs"), "admin": make_key("admin")}.items()
    }
    assert statuses == {"none": [401, 401], "others": [403, 403], "admin": [200, 200]}
