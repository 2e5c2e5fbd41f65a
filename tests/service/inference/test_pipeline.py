"""One image's way, with a real engine: permits, order, and who fails."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from models.errors import ImageTooLarge, UndecodableImage
from models.opening import open_version
from models.postprocess import answer
from models.preprocess import load_pixels
from models.store import Store
from service.errors import Full, InferenceFailed, Problem
from service.inference.engine import Engine
from service.inference.fleet import Fleet
from service.inference.opening import LocalOpener
from service.inference.pipeline import Outcome, Pipeline
from service.observability.metrics import Metrics
from service.settings import Settings
from service.uploads.upload import Upload
from tests.service.support.moods import FAILS, GOOD, NONSENSE, SLOW, mood
from tests.support.images import encode, gradient, jpeg, solid


@dataclass
class Rig:
    """A pipeline, its engine and its metrics."""

    pipeline: Pipeline
    engine: Engine
    metrics: Metrics
    store: Store

    def sample(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def predict(self, data: bytes, top_k: int = 5) -> Outcome:
        return await self.pipeline.predict(self.engine, Upload(None, data), top_k, soon())

    async def predict_many(self, data: list[bytes]) -> list[Outcome | Problem]:
        return await self.pipeline.predict_many(self.engine, [Upload(None, one) for one in data], 5, soon())


@pytest.fixture
async def rig(settings: Settings) -> AsyncIterator[Rig]:
    few = settings.model_copy(update={"queue_capacity": 40, "default_model": "moody"})
    store = Store(few.store)
    fleet = Fleet(store, few, LocalOpener(store, few))
    metrics = Metrics()
    pipeline = Pipeline(few, metrics)
    yield Rig(pipeline, (await fleet.lease(fleet.default)).engine, metrics, fleet.store)
    await fleet.close()
    pipeline.close()


def soon() -> float:
    return time.monotonic() + 60


async def test_the_answer_is_that_of_the_models_room(rig: Rig) -> None:
    manifest = rig.engine.manifest
    data = jpeg(gradient((60, 40)))
    outcome = await rig.predict(data, top_k=2)
    row = open_version(rig.store, "moody", 1, threads=1).session.run(load_pixels(data, manifest.input)[None])[0]
    assert outcome.answer == answer(row, manifest, 2)
    assert (outcome.image.format, outcome.image.width, outcome.image.height) == ("JPEG", 60, 40)
    timing = outcome.timing
    assert timing.total >= timing.decode + timing.inference > 0


async def test_images_are_answered_in_order_and_the_broken_one_fails_alone(rig: Rig) -> None:
    colours = ["red", "green", "blue"] * 10
    images = [encode(solid(colour), "PNG") for colour in colours]
    images[7] = images[7][:40]
    outcomes = await rig.predict_many(images)
    labels = [one.answer.label if isinstance(one, Outcome) else one.type for one in outcomes]
    assert labels == [*colours[:7], "undecodable-image", *colours[8:]]
    assert rig.sample("whatsit_images_total", model="moody", version="1", outcome="ok") == 29
    assert rig.sample("whatsit_images_total", model="moody", version="1", outcome="failed") == 1
    assert rig.sample("whatsit_errors_total", type="undecodable-image") == 1


async def test_pixels_and_images_are_scored_together_and_what_fails_stands_in_its_place(rig: Rig) -> None:
    spec = rig.engine.manifest.input
    green, blue = (encode(solid(colour), "PNG") for colour in ("green", "blue"))
    images = [load_pixels(green, spec), Upload(None, green[:40]), Upload(None, blue), load_pixels(mood(FAILS), spec)]
    scored = await rig.pipeline.score_many(rig.engine, images, soon())
    found = [type(one) if isinstance(one, Exception) else int(one.row.argmax()) for one in scored]
    assert found == [1, UndecodableImage, 2, InferenceFailed]
    assert rig.sample("whatsit_images_total", model="moody", version="1", outcome="ok") == 2
    assert rig.sample("whatsit_stage_seconds_count", model="moody", version="1", stage="failed") == 2
    with pytest.raises(Full), rig.pipeline.admission.permits(1):
        await rig.pipeline.score_many(rig.engine, images * 10, soon())
    assert rig.pipeline.admission.inside == 0


async def test_each_kind_of_bad_image_fails_in_its_own_way(rig: Rig) -> None:
    with pytest.raises(UndecodableImage):
        await rig.predict(b"")
    with pytest.raises(InferenceFailed):
        await rig.predict(mood(FAILS))
    refused = Upload("a", b"", ImageTooLarge("too many bytes"))
    with pytest.raises(ImageTooLarge, match="too many bytes"):
        await rig.pipeline.predict(rig.engine, refused, 5, soon())
    assert rig.pipeline.admission.inside == 0


async def test_what_is_not_a_number_is_no_answer(rig: Rig) -> None:
    outcomes = await rig.predict_many([mood(GOOD), mood(NONSENSE), mood(GOOD)])
    assert [isinstance(one, Outcome) for one in outcomes] == [True, False, True]
    assert isinstance(outcomes[1], Problem)
    assert outcomes[1].type == "inference-failed"


async def test_an_error_that_nobody_foresaw_fails_one_image_and_no_other(rig: Rig) -> None:
    uploads = [Upload(None, mood(GOOD)), Upload(None, b"", ZeroDivisionError("unforeseen")), Upload(None, mood(GOOD))]
    outcomes = await rig.pipeline.predict_many(rig.engine, uploads, 5, soon())
    assert [isinstance(one, Outcome) for one in outcomes] == [True, False, True]
    assert isinstance(outcomes[1], Problem)
    assert (outcomes[1].type, "unforeseen" in outcomes[1].detail) == ("internal", False)
    assert rig.pipeline.admission.inside == 0


async def test_a_reason_for_the_operator_is_logged(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InferenceFailed):
        await rig.predict(mood(FAILS))
    assert [(record.message, "Gather" in record.reason) for record in caplog.records] == [("inference failed", True)]


async def test_there_is_no_room_for_more_than_the_capacity(rig: Rig) -> None:
    slow = asyncio.create_task(rig.predict(mood(SLOW)))
    await asyncio.sleep(0)
    with pytest.raises(Full):
        await rig.predict_many([mood(GOOD)] * 40)
    assert len(await rig.predict_many([mood(GOOD)] * 39)) == 39
    await slow
    assert rig.pipeline.admission.inside == 0


async def test_a_batch_that_is_given_up_leaves_nothing_running(rig: Rig) -> None:
    task = asyncio.create_task(rig.predict_many([mood(SLOW)] * 30))
    await asyncio.sleep(0)
    assert rig.pipeline.admission.inside == 30
    before = asyncio.all_tasks()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert rig.pipeline.admission.inside == 0
    assert (await rig.predict(mood(GOOD))).answer.label == "red"
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def test_what_was_given_up_does_not_count_as_answered(rig: Rig) -> None:
    task = asyncio.create_task(rig.predict_many([mood(SLOW)] * 30))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert rig.pipeline.admission.rate == float("inf"), "nothing has been answered yet"
    await rig.predict(mood(GOOD))
    assert rig.pipeline.admission.rate < float("inf")
