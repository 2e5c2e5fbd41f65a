"""Ready, and what a model is."""

from models.store import Store
from service.settings import Settings
from tests.service.api.openinference.support import assert_error
from tests.service.support.apps import App, running_app


async def test_the_server_says_who_it_is(app: App) -> None:
    answer = (await app.client.get("/v2")).json()
    assert list(answer) == ["name", "version", "extensions"]
    assert (await app.client.get("/v2/health/live")).json() == {"live": True}


async def test_a_model_is_ready_once_it_is_proved_for_whoever_asks(app: App) -> None:
    assert app.services.fleet.engine("moody", 1) is None
    assert (await app.client.get("/v2/models/moody/ready")).json() == {"name": "moody", "ready": True}
    assert app.services.fleet.engine("moody", 1) is not None
    assert_error(await app.client.get("/v2/models/nobody/ready"), 404)
    assert_error(await app.client.get("/v2/models/moody/versions/2/ready"), 404)


async def test_a_refused_model_is_not(store: Store) -> None:
    (store.bundle("tiny", 1) / "model.onnx").write_bytes(b"changed")
    async with running_app(Settings(store=store.location, threads=1)) as app:
        assert_error(await app.client.get("/v2/models/tiny/ready"), 503, "failed its proof")
        assert_error(await app.client.get("/v2/health/ready"), 503)
        assert (await app.client.get("/v2/models/tiny")).status_code == 200, "what it takes is known all the same"


async def test_a_manifest_that_cannot_be_read(store: Store) -> None:
    (store.bundle("tiny", 1) / "manifest.json").write_text("{")
    async with running_app(Settings(store=store.location, threads=1)) as app:
        assert_error(await app.client.get("/v2/models/tiny"), 503)
        assert_error(await app.client.get("/v2/models/tiny/config"), 503)
