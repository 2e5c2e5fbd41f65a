"""The precision that was asked for is the one that runs, and the registry, metrics and log say which."""

import logging
from pathlib import Path

import pytest

from models.precision import Asked
from models.refs import Ref
from models.store import Store
from service.settings import Settings
from tests.service.support.apps import running_app
from tests.service.support.problems import assert_problem
from tests.support.bundles import publish_tiny
from tests.support.graphs import colour_graph
from tests.support.images import encode, solid

RED = encode(solid("red"), "PNG")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A version whose graph of int8 is less sure of plain colours: 0.91 in place of 1."""
    publish_tiny(tmp_path / "store", variants={"int8": colour_graph(sharpness=1.5)})
    return Store(tmp_path / "store")


@pytest.mark.parametrize(
    ("asked", "vnni", "runs"), [("auto", True, "int8"), ("auto", False, "fp32"), ("int8", False, "int8")]
)
async def test_what_runs_is_told(
    store: Store,
    asked: Asked,
    vnni: bool,
    runs: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("models.precision.has_vnni", lambda: vnni)
    async with running_app(Settings(store=store.location, threads=1, device="cpu", precision=asked)) as app:
        await app.services.fleet.lease(Ref("tiny"))
        answer = await app.client.post("/v1/predict", content=RED, headers={"Content-Type": "image/png"})
        assert (answer.json()["score"] < 0.95) == (runs == "int8")
        (version,) = (await app.client.get("/v1/models/tiny")).json()["versions"]
        assert (version["state"], version["running"]) == ("ready", {"precision": runs, "device": "cpu"})
        metrics = (await app.client.get("/metrics")).text
        assert f'whatsit_engine_info{{device="cpu",model="tiny",precision="{runs}",version="1"}} 1.0\n' in metrics
    (opened,) = [record for record in caplog.records if record.message == "version opened"]
    assert vars(opened)["precision"] == runs
    assert vars(opened)["reason"].startswith("auto: " if asked == "auto" else "asked for")


async def test_a_version_without_the_precision_is_refused(store: Store) -> None:
    async with running_app(Settings(store=store.location, threads=1, precision="fp16")) as app:
        answer = await app.client.post("/v1/predict", content=RED, headers={"Content-Type": "image/png"})
        assert_problem(answer, 503, "version-refused")
        (version,) = (await app.client.get("/v1/models/tiny")).json()["versions"]
        assert (version["state"], version["reason"].partition(":")[0]) == ("failed", "PrecisionMissing")
