import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.manifest import InputSpec
from models.preprocess import load_pixels
from tests.training.support import idx_bytes, write_cifar10, write_idx
from training.data.arrays import open_cifar10, open_idx, read_idx
from training.data.sources import open_source
from training.errors import InvalidData
from training.settings import DataSettings

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 6, 7), dtype=np.uint8)
LETTERS = np.array([1, 2, 26, 2, 1], np.uint8)


def letters(root: Path, *, zipped: bool = False, prefix: str = "", test: str = "test") -> Path:
    names = {
        f"{prefix}train-images-idx3-ubyte": IMAGES,
        f"{prefix}train-labels-idx1-ubyte": LETTERS,
        f"{prefix}{test}-images-idx3-ubyte": IMAGES[:2],
        f"{prefix}{test}-labels-idx1-ubyte": LETTERS[:2],
    }
    return write_idx(root, names, zipped=zipped)


def test_cifar10_is_read_in_its_order_and_colours(tmp_path: Path) -> None:
    test_images = write_cifar10(tmp_path)
    source = open_cifar10(tmp_path)
    assert source.labels == tuple("abcdefghij")
    assert [sample.split for sample in source.samples] == ["train"] * 20 + ["test"] * 4
    assert [sample.label for sample in source.samples[:8]] == [0, 1, 2, 3, 0, 1, 2, 3]
    pixels = load_pixels(source.read(21), InputSpec(height=32, width=32))
    assert (pixels == test_images[1]).all()
    assert source.samples[21].key == "test/000001"


def test_cifar10_is_found_one_folder_down(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "cifar-10-batches-bin")
    assert len(open_cifar10(tmp_path).samples) == 24


def test_a_cifar10_file_of_another_size_is_refused(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    file = tmp_path / "data_batch_3.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InvalidData, match=r"data_batch_3\.bin is not in CIFAR-10's binary layout"):
        open_cifar10(tmp_path)


def test_a_cifar10_label_without_a_name_is_refused(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "batches.meta.txt").write_text("a\nb\n")
    with pytest.raises(InvalidData, match="label 3, but there are only 2 names"):
        open_cifar10(tmp_path)


def test_a_missing_cifar10_file_is_named(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "test_batch.bin").unlink()
    with pytest.raises(InvalidData, match=r"test_batch\.bin cannot be read: No such file"):
        open_cifar10(tmp_path)


@pytest.mark.parametrize(
    ("zipped", "prefix", "test"), [(False, "emnist-letters-", "test"), (True, "", "t10k"), (False, "", "t10k")]
)
def test_idx_files_are_found_by_the_names_they_come_with(tmp_path: Path, zipped: bool, prefix: str, test: str) -> None:
    source = open_idx(letters(tmp_path, zipped=zipped, prefix=prefix, test=test), ())
    assert [sample.split for sample in source.samples] == ["train"] * 5 + ["test"] * 2
    with Image.open(io.BytesIO(source.read(6))) as image:
        assert image.mode == "L"
        assert (np.asarray(image) == IMAGES[1]).all()


def test_images_that_lie_on_their_side_are_read_upright(tmp_path: Path) -> None:
    settings = DataSettings(kind="idx", transpose=True)
    source = open_source(settings, letters(tmp_path, prefix="emnist-letters-"))
    with Image.open(io.BytesIO(source.read(6))) as image:
        assert (np.asarray(image) == IMAGES[1].T).all()


def test_two_sets_of_idx_files_in_one_folder_are_refused(tmp_path: Path) -> None:
    letters(tmp_path, prefix="emnist-letters-")
    assert len(open_idx(tmp_path, ()).samples) == 7
    letters(tmp_path, prefix="emnist-letters-", zipped=True)  # the same, packed
    assert len(open_idx(tmp_path, ()).samples) == 7
    letters(tmp_path, prefix="emnist-balanced-")
    named = "emnist-balanced-train-images-idx3-ubyte, emnist-letters-train-images-idx3-ubyte are all the train images"
    with pytest.raises(InvalidData, match=named):
        open_idx(tmp_path, ())


def test_idx_labels_need_not_begin_at_zero(tmp_path: Path) -> None:
    source = open_idx(letters(tmp_path), ())
    assert source.labels == ("1", "2", "26")
    assert [sample.label for sample in source.samples] == [0, 1, 2, 1, 0, 0, 1]
    assert open_idx(tmp_path, ("A", "B", "Z")).labels == ("A", "B", "Z")


def test_names_must_be_as_many_as_classes(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"3 classes, but data\.labels names 2"):
        open_idx(letters(tmp_path), ("A", "B"))


def test_a_test_label_that_training_lacks_is_refused(tmp_path: Path) -> None:
    letters(tmp_path)
    (tmp_path / "test-labels-idx1-ubyte").write_bytes(idx_bytes(np.array([1, 9], np.uint8)))
    with pytest.raises(InvalidData, match=r"labels that training does not: \[9\]"):
        open_idx(tmp_path, ())


def test_images_and_labels_must_match(tmp_path: Path) -> None:
    letters(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(LETTERS[:4]))
    with pytest.raises(InvalidData, match="do not match"):
        open_idx(tmp_path, ())


def test_a_missing_idx_file_is_described(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"no IDX file of the train images \(…images-idx3-ubyte\)"):
        open_idx(tmp_path, ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\0\0\x08\x03\0\0\0\x01", "not an IDX file"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "not an IDX file"),
        (idx_bytes(LETTERS)[:-1], "says it holds"),
        (idx_bytes(LETTERS) + b"\0", "says it holds"),
        (b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff", "says it holds"),
    ],
)
def test_broken_idx_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "x-idx1-ubyte"
    file.write_bytes(content)
    with pytest.raises(InvalidData, match=reason):
        read_idx(file)


@pytest.mark.parametrize("content", [b"no gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03cut", b""])
def test_broken_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x-idx1-ubyte.gz"
    file.write_bytes(content)
    with pytest.raises(InvalidData, match=r"not a whole gzip file|not an IDX file"):
        read_idx(file)
