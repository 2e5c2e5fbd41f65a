from pathlib import Path

import numpy as np
import pytest

from tests.training.support import write_cifar10, write_classes, write_idx
from training.data.sources import find_source, open_source
from training.errors import InvalidData
from training.settings import DataSettings


def test_each_kind_opens_its_data(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "cifar")
    write_classes(tmp_path / "folder", 1)
    images, numbers = np.zeros((2, 4, 4), np.uint8), np.arange(2, dtype=np.uint8)
    parts = {"images-idx3-ubyte": images, "labels-idx1-ubyte": numbers}
    write_idx(
        tmp_path / "idx", {f"{split}-{name}": part for split in ("train", "t10k") for name, part in parts.items()}
    )
    assert open_source(DataSettings(kind="cifar10"), tmp_path / "cifar").name == "CIFAR-10"
    assert open_source(DataSettings(kind="folder"), tmp_path / "folder").name == "folder"
    assert open_source(DataSettings(kind="idx"), tmp_path / "idx").labels == ("0", "1")


def test_without_data_and_without_download_it_says_what_to_give() -> None:
    with pytest.raises(InvalidData, match="--data DIR"):
        open_source(DataSettings(kind="folder"), None)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="nowhere is not a folder"):
        open_source(DataSettings(kind="cifar10"), tmp_path / "nowhere")


def test_what_has_faults_can_be_looked_at_and_not_learnt_from(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 2)
    (tmp_path / "test" / "up").mkdir(parents=True)
    (tmp_path / "train" / "nothing").mkdir()
    settings = DataSettings(kind="folder")
    assert len(find_source(settings, tmp_path).samples) == 6
    with pytest.raises(InvalidData, match=r"not among those to learn, up: .*; no images to learn .* class nothing"):
        open_source(settings, tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("disc ", "begins or ends with a space"),
        ("d" * 201, "the class name 'd{60}' cannot be a label: .* at most 200"),
        ("two\nlines", r"the class name 'two\\nlines' cannot be a label: 'two\\nlines' has a line break"),
    ],
)
def test_a_name_that_can_be_no_label_is_found_before_training(tmp_path: Path, name: str, reason: str) -> None:
    write_classes(tmp_path, 1)
    (tmp_path / "disc").rename(tmp_path / name)
    with pytest.raises(InvalidData, match=reason):
        open_source(DataSettings(kind="folder"), tmp_path)
