import io

import numpy as np
import pytest
from PIL import Image

from tests.training.data.support import crops
from training.data.contact_sheet import contact_sheet


def pixels(count: int, side: int = 48) -> np.ndarray:
    return np.stack([np.asarray(image) for image in crops(count, side)])


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        return np.asarray(image.convert("RGB")).astype(int)


def test_each_class_has_a_row_of_its_images() -> None:
    everything = np.zeros((40, 32, 32, 3), np.uint8)
    everything[:20, ..., 0] = 255  # red, then blue
    everything[20:, ..., 2] = 255
    targets = np.repeat([0, 1], 20)
    sheet = opened(contact_sheet(everything, targets, np.arange(40), ("red", "blue"), 1))
    assert sheet.shape[0] == 2 * 66 + 2
    assert (np.abs(sheet[34, -640::66] - (254, 0, 0)) < 6).all()
    assert (np.abs(sheet[100, -640::66] - (0, 0, 254)) < 6).all()


def test_the_seed_chooses_among_the_rows_given() -> None:
    images, targets = pixels(60), np.zeros(60, np.int64)
    first = contact_sheet(images, targets, np.arange(60), ("a",), 1)
    assert first == contact_sheet(images, targets, np.arange(60), ("a",), 1)
    assert first != contact_sheet(images, targets, np.arange(60), ("a",), 2)
    images[30:] = 0
    sheet = opened(contact_sheet(images, targets, np.arange(30), ("a",), 1))
    assert sheet[10:60, -640:].reshape(50, -1, 3).std() > 20
    assert not (sheet[20:50, -640::66] == 0).all(axis=(0, 2)).any()


@pytest.mark.parametrize(("classes", "rows"), [(2, 2), (26, 26), (60, 60), (500, 60)])
def test_many_classes_make_no_large_file(classes: int, rows: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (classes * 2, 48, 48, 3), dtype=np.uint8)
    labels = [f"a class with quite a long name {index}" for index in range(classes)]
    targets = np.repeat(np.arange(classes), 2)
    data = contact_sheet(noise, targets, np.arange(classes * 2), labels, 1)
    assert len(data) <= 200_000
    side = {2: 64, 26: 48, 60: 32, 500: 32}[classes]
    assert opened(data).shape[0] == rows * (side + 2) + 2


@pytest.mark.parametrize("shape", [(28, 28, 1), (20, 60, 3), (60, 20, 3), (1, 300, 3)])
def test_any_shape_and_few_images_fit(shape: tuple[int, int, int]) -> None:
    images = np.full((3, *shape), 90, np.uint8)
    sheet = opened(contact_sheet(images, np.array([0, 0, 1]), np.arange(3), ("größe", "кошка"), 1))
    assert sheet.shape[0] == 2 * 66 + 2
    empty = contact_sheet(images, np.array([0, 0, 1]), np.arange(2), ("a", "b"), 1)
    assert opened(empty)[100, -640:].min() > 240  # no image of b is left to be shown
