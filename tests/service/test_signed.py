"""A service that asks for signatures serves what was signed, and nothing else."""

from pathlib import Path

import pytest

from models.signing import sign_version
from models.store import Store
from models.trust import read_signer
from service.background import running
from service.settings import Settings
from tests.service.support.apps import running_app
from tests.service.support.problems import assert_problem
from tests.support.bundles import publish_tiny
from tests.support.images import encode, solid
from tests.support.keys import Pair, key_pair

RED = encode(solid("red"), "PNG")
HEADERS = {"content-type": "image/png"}


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return key_pair(tmp_path)


async def test_an_unsigned_version_is_refused_and_said_to_be(
    store: Store, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    publish_tiny(store.location, "signed")
    sign_version(store, "signed", 1, read_signer(pair.private, str), who="tests", why="")
    settings = Settings(store=store.location, default_model="tiny", threads=1, require_signature=pair.public)
    async with running_app(settings) as app:
        assert_problem(await app.client.post("/v1/predict", content=RED, headers=HEADERS), 503, "version-refused")
        assert_problem(await app.client.get("/health/ready"), 503, "not-ready")
        shown = (await app.client.get("/v1/models/tiny")).json()["versions"][0]
        assert (shown["state"], shown["accuracy"]) == ("failed", None)
        assert "tiny@1 has no signature" in shown["reason"]
        assert_problem(await app.client.get("/v1/models/tiny/versions/1/report"), 503, "version-refused")
        moved = await app.client.put("/v1/models/tiny/aliases/production", json={"version": 1})
        assert_problem(moved, 503, "version-refused")
        answered = await app.client.post("/v1/models/signed/predict", content=RED, headers=HEADERS)
        assert (answered.status_code, answered.json()["label"]) == (200, "red")
        assert (await app.client.put("/v1/models/signed/aliases/production", json={"version": 1})).status_code == 200
    assert "tiny@1 has no signature" in "".join(getattr(record, "reason", "") for record in caplog.records)


def test_a_real_service_with_workers(store: Store, pair: Pair) -> None:
    sign_version(store, "tiny", 1, read_signer(pair.private, str), who="tests", why="")
    settings = {"store": store.location, "default_model": "tiny", "workers": 1, "require_signature": pair.public}
    with running(settings) as server:
        status, answer = server.ask("POST", "/v1/predict", RED, "image/png")
        assert (status, answer["label"]) == (200, "red")
        assert server.stop() == 0
