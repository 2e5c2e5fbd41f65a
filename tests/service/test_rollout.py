"""A real service of two processes under load: aliases move, bad versions come, and nobody's request fails."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.aliases import move_alias, rollback
from models.store import Store
from service.background import running
from tests.service.support.load import PREDICT, Load
from tests.service.support.process import Server, wait_until
from tests.service.support.raw import connect
from tests.support.bad_graphs import external_weights_graph
from tests.support.bundles import publish_tiny
from tests.support.forge import forge

WHO = {"who": "tests", "why": "to see"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three versions, of which production names the first."""
    store = Store(tmp_path / "store")
    for _ in range(3):
        publish_tiny(store.location)
    move_alias(store, "tiny", "production", 1, **WHO)
    return store


@pytest.fixture
def server(store: Store, tmp_path: Path) -> Iterator[Server]:
    settings = {"store": store.location, "workers": 2, "threads": 1, "max_batch": 1, "store_poll_s": 0.05}
    with (tmp_path / "log").open("wb") as file, running(settings | {"spare_versions": 0}, file.fileno()) as started:
        yield Server(started, tmp_path / "log")


def answered_by(server: Server, version: int) -> None:
    """Wait until every one of many answers, each on a connection of its own, is by a version."""

    def by() -> int:
        with connect(server.running.port) as connection:
            connection.send(PREDICT)
            found: int = json.loads(connection.response().content)["model"]["version"]
            return found

    wait_until(lambda: {by() for _ in range(20)} == {version})


def test_an_alias_goes_back_and_forth_under_load(server: Server, store: Store) -> None:
    with Load(server.running.port, 4) as load:
        for _ in range(3):
            move_alias(store, "tiny", "production", 2, **WHO)
            answered_by(server, 2)
            rollback(store, "tiny", **WHO)
            answered_by(server, 1)
    assert (set(load.answers), load.lost) == ({200}, 0)
    # Six in each of two processes, of which the one that is not asked shows its numbers now and then.
    server.wait_for_metric('whatsit_swaps_total{alias="production",model="tiny",outcome="done"}', least=12)


def corrupt(bundle: Path) -> None:
    graph = bundle / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")


def untruthful(bundle: Path) -> None:
    """Two labels change places; manifest.json is in no checksum."""
    told = json.loads((bundle / "manifest.json").read_text())
    told["labels"][:2] = reversed(told["labels"][:2])
    told["metrics"]["per_class"][:2] = reversed(told["metrics"]["per_class"][:2])
    (bundle / "manifest.json").write_text(json.dumps(told))


def with_external_data(bundle: Path) -> None:
    forge(bundle, "model.onnx", external_weights_graph(bundle))
    forge(bundle, "weights.bin", (bundle / "weights.bin").read_bytes())


def hard_linked(bundle: Path) -> None:
    (bundle / "model.onnx").with_name("model.onnx").rename(bundle.parent / "elsewhere")
    (bundle / "model.onnx").hardlink_to(bundle.parent / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (corrupt, "ChecksumMismatch: model.onnx is not what was published"),
        (untruthful, "GoldenMismatch: the labels were changed since it was published: 'red' is 'green' now"),
        (with_external_data, "UnsafeGraph: "),
        (hard_linked, "ChecksumMismatch: model.onnx is a hard link"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_bad_version_is_refused_and_the_old_one_goes_on(
    server: Server, store: Store, spoil: Callable[[Path], None], told: str
) -> None:
    spoil(store.bundle("tiny", 2))
    with Load(server.running.port, 4) as load:
        move_alias(store, "tiny", "production", 2, **WHO)
        server.wait_for_metric('whatsit_swaps_total{alias="production",model="tiny",outcome="refused"}', least=2)
        answered_by(server, 1)
        version = server.running.ask("GET", "/v1/models/tiny/versions/2")[1]
        assert version["state"] == "failed"
        assert version["reason"].startswith(told)
        move_alias(store, "tiny", "production", 3, **WHO)
        answered_by(server, 3)
    assert (set(load.answers), load.lost) == ({200}, 0)
    assert server.lines("version refused", model="tiny", version=2)
