"""Errors have the shape that the clients of their path know, whichever layer answers."""

import pytest

from tests.service.support.apps import App
from tests.service.support.problems import assert_problem


@pytest.mark.parametrize("path", ["/v2", "/v2/", "/v2/nothing", "/v2/models/tiny/nothing"])
async def test_under_v2_an_error_is_one_member(app: App, path: str) -> None:
    for draining in (False, True):
        app.services.in_flight.draining = draining
        response = await app.client.put(path)
        assert response.status_code in {404, 405, 503}
        assert response.headers["content-type"] == "application/json"
        assert list(response.json()) == ["error"]
        assert response.json()["error"]
        assert response.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/v20", "/v1/v2", "/", "/V2/nothing"])
async def test_everywhere_else_it_is_a_problem(app: App, path: str) -> None:
    app.services.in_flight.draining = True
    assert_problem(await app.client.put(path), 503, "draining")
