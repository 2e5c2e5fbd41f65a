"""Without keys: what a page in a browser on the same machine may do."""

import pytest

from tests.service.support.apps import App
from tests.service.support.keys import make_key
from tests.service.support.problems import assert_problem

ALIAS = "/v1/models/tiny/aliases/production"
pytestmark = pytest.mark.usefixtures("seen_at_once")
OWN = {"host": "localhost:8000", "origin": "http://localhost:8000"}


LOOPBACK = ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000", "localhost:0"]
FOREIGN_HOSTS = [
    *["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.7", ""],
    *["localhost:", "localhost:8000:1", "user@localhost", "0.0.0.0", "[::]", "localhost,evil.example"],  # noqa: S104
]
FOREIGN_ORIGINS = [
    *["https://evil.example", "null", "", "localhost", "http://localhost"],
    *["http://localhost:3000", "http://127.0.0.1:8000"],
]


async def test_loopback_is_answered_under_its_names(app: App) -> None:
    for host in LOOPBACK:
        assert (await app.client.get("/v1/models", headers={"host": host})).status_code == 200, host


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/", "/nothing"])
async def test_a_name_that_was_made_to_lead_here_is_not(app: App, path: str) -> None:
    for host in FOREIGN_HOSTS:
        members = assert_problem(await app.client.get(path, headers={"host": host}), 403, "foreign-request")
        assert "evil" not in members["detail"]


async def test_two_hosts_must_both_be_loopback(app: App) -> None:
    for hosts in (["localhost", "evil.example"], ["evil.example", "localhost"]):
        response = await app.client.get("/v1/models", headers=[("host", host) for host in hosts])
        assert_problem(response, 403, "foreign-request")


@pytest.mark.parametrize(("method", "path"), [("PUT", ALIAS), ("POST", "/v1/jobs"), ("DELETE", "/v1/jobs/1")])
async def test_a_page_of_another_origin_changes_nothing(app: App, method: str, path: str) -> None:
    for origin in FOREIGN_ORIGINS:
        response = await app.client.request(method, path, headers=OWN | {"origin": origin})
        assert_problem(response, 403, "foreign-request")


@pytest.mark.parametrize("headers", [OWN, {"host": "localhost:8000"}], ids=["its own page", "no page at all"])
async def test_its_own_page_and_programs_may(app: App, headers: dict[str, str]) -> None:
    response = await app.client.put("/v1/models/nothing", headers=headers)
    assert_problem(response, 405, "http")


async def test_what_changes_nothing_is_answered_to_any_origin(app: App) -> None:
    headers = OWN | {"origin": "https://evil.example"}
    answer = await app.client.get("/v1/models", headers=headers)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers, "the browser would let the page read it"


async def test_probes_may_use_any_name(app: App) -> None:
    assert (await app.client.get("/health/live", headers={"host": "10.0.0.7"})).status_code == 200


async def test_with_keys_neither_matters(app: App) -> None:
    """Behind a proxy, or in a container, the service has names of its own."""
    headers = {"host": "whatsit.example", "origin": "https://whatsit.example"} | make_key("admin")
    assert (await app.client.get("/v1/models", headers=headers)).status_code == 200
    assert_problem(await app.client.put("/v1/models/nothing", headers=headers), 405, "http")
