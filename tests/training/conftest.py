from pathlib import Path

import pytest

from tests.training.support import tiny_recipe, write_classes
from training.run import Run
from training.train import Request, train


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and test folders of drawings."""
    root = tmp_path_factory.mktemp("drawings")
    write_classes(root / "train", 40)
    write_classes(root / "test", 10, first=1000)
    return root


@pytest.fixture(scope="session")
def finished(drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the tiny recipe, finished; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    return train(Request("tiny", tiny_recipe(folder), drawings, folder / "run"))
