import sys
from pathlib import Path

import pytest

from benchmarks.serving.errors import BenchmarkFailed
from benchmarks.serving.loads import loads_of, write_messages
from benchmarks.serving.targets import Server, ours, peers
from benchmarks.serving.works import WORKS, Work
from tests.support.bundles import publish_tiny
from tests.support.images import encode, solid


@pytest.fixture
def work(tmp_path: Path) -> Work:
    publish_tiny(tmp_path / "store")
    image = tmp_path / "image.png"
    image.write_bytes(encode(solid("red", (8, 8)), "PNG"))
    return Work("mid", "Colours", tmp_path / "store", "tiny", image)


def names(server: Server, work: Work) -> list[str]:
    return [load.name for load in loads_of(server, server.settings[0], work)]


def test_words_of_ours_are_settings_or_arguments(work: Work) -> None:
    server = ours("ours-two=WHATSIT_THREADS=1 --workers 2")
    command, variables = server.start(work, server.settings[0], 9000, Path(sys.executable))
    assert server.name == "ours-two"
    assert command[1:] == ["serve", "--port", "9000", "--store", str(work.store), "--model", "tiny", "--workers", "2"]
    assert variables == {"WHATSIT_THREADS": "1"}


def test_a_name_that_could_be_a_peer_is_refused() -> None:
    with pytest.raises(BenchmarkFailed, match="has to begin with 'ours'"):
        ours("mosec=--workers 2")


def test_peers_open_the_graph_that_ours_serves(work: Work) -> None:
    for server in peers(2):
        command, variables = server.start(work, server.settings[0], 9000, Path("python"))
        module = command[-1].replace(".", "/")
        assert (Path(__file__).parents[3] / f"{module}.py").exists()
        if "BENCH_NORMALISE" not in variables:
            assert Path(variables["BENCH_GRAPH"]) == work.store / "tiny" / "1" / "model.onnx"
        assert variables["BENCH_SIDE"] == "8"


def test_who_is_measured_under_what(work: Work) -> None:
    everything = ["closed-1", "closed-8", "closed-32", "closed-64", "multipart-32", "batch-8", "steady", "overload"]
    known = {server.name: server for server in peers(2)}
    assert names(ours("ours="), work) == everything
    assert names(known["mosec"], work) == [*everything[:4], *everything[-2:]]  # it takes raw bodies only
    assert names(known["fastapi-latency"], work) == ["closed-1"]
    assert names(known["mosec-numpy"], WORKS["small"]) == []
    assert "batch-8" not in names(ours("ours="), WORKS["vgg16"])
    assert names(ours("ours="), WORKS["shipped"]) == []


def test_a_batch_has_32_images(work: Work, tmp_path: Path) -> None:
    messages = write_messages(work, tmp_path / "messages")
    assert messages["raw"].file.read_bytes() == work.image
    assert messages["batch"].images == messages["batch"].file.read_bytes().count(work.image) == 32
    assert messages["multipart"].file.read_bytes().count(b'name="file"') == 1
