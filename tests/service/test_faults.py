"""Who gets what when something goes wrong among many: a real server and graph, each client on its own connection."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.background import running
from tests.service.support.load import Load
from tests.service.support.moods import FAILS, GOOD, HANGS, NONSENSE, SLOW, mood
from tests.service.support.process import Server
from tests.service.support.raw import connect, request

MANY = 31


@pytest.fixture(scope="module")
def server(colours_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("faults") / "log"
    settings = {"store": colours_root, "default_model": "moody", "workers": 1, "lanes": 1, "max_batch": 8}
    with log.open("wb") as file, running(settings | {"run_timeout_s": 1}, file.fileno()) as started:
        yield Server(started, log)


def ask_all(server: Server, images: list[bytes]) -> list[int]:
    """The status of the answer to each image, all asked for at the same moment."""
    statuses, ready = [0] * len(images), threading.Barrier(len(images))

    def ask(place: int) -> None:
        with connect(server.running.port) as connection:
            ready.wait()
            connection.send(request("POST", "/v1/predict", images[place], content_type="image/png"))
            statuses[place] = connection.response().status_code

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        pytest.param(mood(GOOD)[:40], 422, id="a broken image"),
        pytest.param(b"no image", 415, id="no image"),
        pytest.param(mood(FAILS), 500, id="one that the graph fails on, and the whole batch with it"),
        pytest.param(mood(NONSENSE), 500, id="one for which it gives nonsense"),
    ],
)
def test_one_among_many_fails_alone(server: Server, bad: bytes, status: int) -> None:
    images = [mood(GOOD)] * MANY
    images.insert(random.Random(status).randrange(MANY), bad)  # noqa: S311 - any place will do
    statuses = ask_all(server, images)
    assert statuses[images.index(bad)] == status
    assert Counter(statuses) == {200: MANY, status: 1}


def test_of_a_run_that_hangs_only_its_own_images_fail(server: Server) -> None:
    statuses = Counter(ask_all(server, [mood(HANGS), *[mood(GOOD)] * MANY]))
    assert set(statuses) == {200, 500}
    assert 1 <= statuses[500] <= 8  # as many as may be in one run
    [line] = server.wait_for_lines("engine replaced")
    assert line["reason"] == "a run does not come back"
    assert ask_all(server, [mood(GOOD)] * 4) == [200] * 4


def test_clients_that_leave_at_random_cost_others_nothing(server: Server) -> None:
    chance = random.Random(1)  # noqa: S311 - must repeat, not be secret
    before = server.descriptors()
    with Load(server.running.port, clients=4) as load:
        server.wait_for_metric('whatsit_images_total{model="moody",outcome="ok",version="1"}', least=20)
        for _ in range(100):
            whole = request("POST", "/v1/predict", mood(chance.choice((GOOD, SLOW))), content_type="image/png")
            with connect(server.running.port) as connection:
                connection.send(whole[: chance.choice((chance.randrange(len(whole)), len(whole)))])
    assert set(load.answers) == {200}
    assert load.lost == 0
    server.wait_for_metric("whatsit_permits_held", most=0)
    assert server.descriptors() <= before + 2
