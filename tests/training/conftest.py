import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.training.support import tiny_recipe, write_classes
from training.run import Run
from training.train import Request, train

# More threads than one wait for each other longer than such small networks compute, most of all beside other work.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and test folders of drawings."""
    root = tmp_path_factory.mktemp("drawings")
    write_classes(root / "train", 40)
    write_classes(root / "test", 10, first=1000)
    return root


@pytest.fixture(scope="session")
def finished(drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the tiny recipe, finished, with graphs of all precisions; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    recipe = tiny_recipe(folder, 'export.variants=["fp16", "int8"]')
    return train(Request("tiny", recipe, drawings, folder / "run"))


@pytest.fixture
def narrow_vgg16(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG16 with as many layers as ever, and a thousandth of the weights."""
    stages = ((6, 6), (8, 8), (12, 12, 12), (16, 16, 16), (16, 16, 16))
    monkeypatch.setattr("training.architectures.vgg16._STAGES", stages)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The test says what happened."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A real web server on a folder, and a cache of its own."""
    monkeypatch.setenv("WHATSIT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "site"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()
