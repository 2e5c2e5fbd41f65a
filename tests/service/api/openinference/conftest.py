"""A server of its own for these tests: they load and unload."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.aliases import move_alias
from models.store import Store
from service.background import running
from tests.service.support.process import Server
from tests.support.bundles import publish_tiny


@pytest.fixture(scope="package")
def several_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose ``tiny`` knows red, green and blue in version 1, and the other way round in 2.

    ``production`` is 1 and ``next`` is 2. ``spare`` and ``lent`` are there to be loaded and unloaded, ``broken`` cannot
    be, and nobody but its own test uses ``other``.
    """
    root = tmp_path_factory.mktemp("several") / "store"
    publish_tiny(root)
    publish_tiny(root, labels=("blue", "green", "red"))
    for alias, version in (("production", 1), ("next", 2)):
        move_alias(Store(root), "tiny", alias, version, who="tests", why="")
    for name in ("other", "spare", "lent", "broken"):
        publish_tiny(root, name)
    (Store(root).bundle("broken", 1) / "model.onnx").write_bytes(b"changed")
    return root


@pytest.fixture(scope="package")
def triton(tmp_path_factory: pytest.TempPathFactory, several_root: Path) -> Iterator[Server]:
    """A server for clients of the protocol, over that store; bodies of batches have at most 100,000 bytes."""
    log = tmp_path_factory.mktemp("triton") / "log"
    settings = {"store": several_root, "default_model": "tiny", "workers": 1, "threads": 1, "max_batch_bytes": 100_000}
    with log.open("wb") as file, running(settings, file.fileno()) as started:
        yield Server(started, log)
