"""``predict``: the three kinds of body, the answer of the contract, top k, refs."""

import asyncio
from typing import Any

import httpx
import pytest

from models.aliases import move_alias
from models.manifest import Conformal, Decision
from models.opening import open_version
from models.postprocess import answer
from models.preprocess import load_pixels
from models.store import Store
from service.settings import Settings
from tests.service.conftest import Start
from tests.service.support.apps import App, running_app
from tests.service.support.bodies import MULTIPART, json_image, multipart, part
from tests.service.support.moods import GOOD, mood
from tests.service.support.problems import assert_problem
from tests.support.bundles import publish_tiny
from tests.support.images import encode, exif, gradient, samples, solid

PATH = "/v1/models/tiny/predict"


def bodies(image: bytes) -> dict[str, tuple[str, bytes]]:
    """The three ways to send one image."""
    return {
        "multipart": (MULTIPART, multipart(part(image))),
        "bytes": ("image/png", image),
        "json": ("application/json", json_image(image)),
    }


async def predict(app: App, image: bytes, path: str = PATH, kind: str = "bytes") -> httpx.Response:
    content_type, body = bodies(image)[kind]
    return await app.client.post(path, content=body, headers={"content-type": content_type})


async def label(app: App, image: bytes, path: str = PATH) -> dict[str, Any]:
    response = await predict(app, image, path)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize("name", samples())
async def test_each_way_to_send_it_gives_the_answer_of_the_models_room(app: App, settings: Settings, name: str) -> None:
    image = samples()[name]
    opened = open_version(Store(settings.store), "tiny", 1, threads=1)
    row = opened.session.run(load_pixels(image, opened.manifest.input)[None])[0]
    expected = [(p.label, p.index, p.score) for p in answer(row, opened.manifest, 5).predictions]
    for kind in bodies(image):
        got = (await predict(app, image, kind=kind)).json()
        assert [(p["label"], p["index"], p["score"]) for p in got["predictions"]] == expected, kind
        assert (got["image"]["width"], got["image"]["height"]) == (32, 24)
        assert got["image"]["format"] in name.upper().replace("WEBP LOSSLESS", "WEBP")


async def test_the_answer_has_the_members_of_the_contract_in_their_order(app: App) -> None:
    response = await predict(app, encode(solid("green"), "PNG"))
    got = response.json()
    assert response.headers["content-type"] == "application/json"
    assert list(got) == [
        "id",
        "model",
        "label",
        "score",
        "decision",
        "candidates",
        "predictions",
        "image",
        "timing_ms",
    ]
    assert got["model"] == {"name": "tiny", "version": 1, "alias": None}
    assert list(got["predictions"][0]) == ["label", "index", "score"]
    assert got["image"] == {"format": "PNG", "width": 8, "height": 8}
    assert list(got["timing_ms"]) == ["decode", "queue", "inference", "total"]
    assert got["id"] == response.headers["x-request-id"]
    assert (got["label"], got["decision"]) == ("green", "accept")
    assert got["score"] == got["predictions"][0]["score"]
    assert sum(p["score"] for p in got["predictions"]) == pytest.approx(1, abs=1e-5)


async def test_a_guess_below_the_threshold_is_for_review(app: App) -> None:
    got = await label(app, encode(solid("grey"), "PNG"))
    assert got["decision"] == "review"
    assert got["score"] < 0.6


async def test_a_version_with_conformal_sets_says_what_it_may_be(store: Store) -> None:
    sets = Conformal(coverage=0.95, threshold=0.2, test_coverage=0.96, mean_size=1.2)
    own = Decision(threshold=0.6, accuracy=1, coverage=1, target=0.95, thresholds=(0.6, 1, 0.6))
    publish_tiny(store.location, conformal=sets, decision=own)
    async with running_app(Settings(store=store.location, threads=1)) as app:
        unsure = await label(app, encode(solid("grey"), "PNG"), f"{PATH}?top_k=1")
        assert sorted(unsure["candidates"]) == ["blue", "green", "red"]
        assert (unsure["candidates"][0], len(unsure["predictions"])) == (unsure["label"], 1)
        green, red = [await label(app, encode(solid(colour), "PNG")) for colour in ("green", "red")]
        assert (green["candidates"], red["candidates"]) == (["green"], ["red"])
        assert (green["decision"], red["decision"]) == ("review", "accept")
        assert (await label(app, encode(solid("red"), "PNG"), "/v1/models/tiny@1/predict"))["candidates"] is None
        detail = (await app.client.get("/v1/models/tiny/versions/2")).json()["manifest"]
        assert (detail["conformal"], detail["decision"]) == (sets.model_dump(), own.model_dump(mode="json"))


async def test_the_documentation_says_what_candidates_are(app: App) -> None:
    described = (await app.client.get("/openapi.json")).json()["components"]["schemas"]["PredictResponse"]["properties"]
    assert "conformal.coverage" in described["candidates"]["description"]
    assert "decision.target" in described["decision"]["description"]


async def test_the_size_told_is_that_of_the_file_before_it_is_turned(app: App) -> None:
    got = await label(app, encode(gradient((20, 10)), "JPEG", exif=exif(6)))
    assert (got["image"]["width"], got["image"]["height"]) == (20, 10)


@pytest.mark.parametrize(
    ("asked", "listed"), [("", 3), ("?top_k=1", 1), ("?top_k=3", 3), ("?top_k=4", 3), ("?top_k=1000", 3)]
)
async def test_top_k(app: App, asked: str, listed: int) -> None:
    got = await label(app, encode(solid("red"), "PNG"), PATH + asked)
    scores = [p["score"] for p in got["predictions"]]
    assert len(scores) == listed
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("asked", ["0", "-1", "1001", "x", "1.5", "", "1e3", "9" * 5000])
async def test_no_other_top_k(app: App, asked: str) -> None:
    response = await predict(app, encode(solid("red"), "PNG"), f"{PATH}?top_k={asked}")
    members = assert_problem(response, 400, "malformed-request")
    assert "query.top_k" in members["detail"]


async def test_a_ref_may_name_a_version_or_an_alias(store: Store) -> None:
    publish_tiny(store.location, labels=("red", "green", "blue", "yellow"))
    move_alias(store, "tiny", "old", 1, who="tests", why="")
    yellow = encode(solid("yellow"), "PNG")
    async with running_app(Settings(store=store.location, threads=1)) as app:
        for ref, version, alias in (
            ("tiny", 2, None),
            ("tiny@1", 1, None),
            ("tiny@2", 2, None),
            ("tiny@old", 1, "old"),
        ):
            got = await label(app, yellow, f"/v1/models/{ref}/predict")
            assert got["model"] == {"name": "tiny", "version": version, "alias": alias}
            assert (got["label"] == "yellow") == (version == 2)
        move_alias(store, "tiny", "production", 1, who="tests", why="")
        await asyncio.sleep(1.1)
        assert (await label(app, yellow))["model"] == {"name": "tiny", "version": 1, "alias": "production"}


async def test_the_default_model_needs_no_name(start: Start) -> None:
    async with start(default_model="moody") as app:
        assert (await label(app, mood(GOOD), "/v1/predict"))["model"]["name"] == "moody"


async def test_many_at_once_are_answered_each_with_its_own(app: App) -> None:
    colours = ["red", "green", "blue"] * 30
    answers = await asyncio.gather(*(label(app, encode(solid(colour), "PNG")) for colour in colours))
    assert [answer["label"] for answer in answers] == colours
    assert len({answer["id"] for answer in answers}) == 90
    assert app.services.pipeline.admission.inside == 0


async def test_a_large_photograph(app: App) -> None:
    got = await label(app, encode(solid("red", (4000, 3000)), "JPEG"))
    assert (got["image"]["width"], got["image"]["height"]) == (4000, 3000)
