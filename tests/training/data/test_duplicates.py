import numpy as np
import pytest
from PIL import Image

from tests.training.data.support import changed, crops
from training.data import duplicates
from training.data.descriptors import Descriptors, describe
from training.data.duplicates import NearPairs, chance_thresholds, find_near


def described(images: list[Image.Image]) -> Descriptors:
    return describe(np.stack([np.asarray(image) for image in images]), np.arange(len(images)))


def as_set(pairs: NearPairs) -> set[tuple[int, int]]:
    return set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


def test_changed_and_mirrored_copies_are_found_and_nothing_else() -> None:
    images = crops(150)
    images += [changed(images[3]), changed(images[9]).transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    pairs = find_near(described(images))
    assert {(3, 150), (9, 151)} <= as_set(pairs)
    assert set(pairs.second[pairs.mirrored].tolist()) == {151}
    # Crops of four photographs overlap by chance; hardly any may be taken for a copy.
    assert len(pairs) <= 5
    assert (np.diff(pairs.alike) <= 0).all()


def strokes(count: int) -> np.ndarray:
    """White bars of random place and length on black: alike as letters are, and none a copy of another."""
    rng = np.random.default_rng(1)
    pixels = np.zeros((count, 28, 28, 1), np.uint8)
    for image in pixels:
        left, top, length, width = rng.uniform(2, 12), rng.uniform(2, 20), rng.uniform(8, 14), rng.uniform(2, 6)
        for down, across in np.ndindex(28, 28):
            inside = min(across + 1 - left, left + length - across, down + 1 - top, top + width - down)
            image[down, across] = round(255 * min(max(inside, 0), 1))
    return pixels


def test_where_all_images_are_alike_copies_must_be_more_alike() -> None:
    pixels = strokes(400)
    details = describe(pixels, np.arange(400)).details
    alike = details @ details.T
    np.fill_diagonal(alike, 0)
    assert np.count_nonzero(alike > 0.9) > 400  # a threshold for photographs would find a copy for most of them
    noisy = np.random.default_rng(0).normal(pixels[5], 4).clip(0, 255).astype(np.uint8)
    pairs = find_near(describe(np.concatenate([pixels, noisy[None]]), np.arange(401)))
    assert (5, 400) in as_set(pairs)
    assert len(pairs) <= 6
    assert np.median(chance_thresholds(details)) > 0.9


def test_all_copies_of_one_image_are_found_also_where_there_are_many() -> None:
    images = crops(120)
    rng = np.random.default_rng(0)
    burst = [np.asarray(images[0]) + rng.integers(0, 2, (48, 48, 3), dtype=np.uint8) // 2 for _ in range(40)]
    pairs = find_near(described(images + [Image.fromarray(frame) for frame in burst]))
    frames = {0, *range(120, 160)}
    found = {row for pair in as_set(pairs) if set(pair) <= frames for row in pair}
    assert found == frames
    assert np.bincount(pairs.first).max() <= 20


def test_small_tiles_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    images = crops(100)
    whole = find_near(described(images + [changed(image) for image in images[:20]]))
    for name in ("_ROWS", "_COLUMNS", "_PAIRS"):
        monkeypatch.setattr(duplicates, name, 7)
    again = find_near(described(images + [changed(image) for image in images[:20]]))
    assert len(whole) >= 20
    assert as_set(again) == as_set(whole)


@pytest.mark.parametrize("count", [1, 2, 12])
def test_few_images_are_compared_too(count: int) -> None:
    images = crops(count)
    pixels = np.stack([np.asarray(image) for image in [*images, *images[:1]]])
    assert not len(find_near(describe(pixels, np.arange(count))))
    assert as_set(find_near(describe(pixels, np.arange(count + 1)))) == {(0, count)}


@pytest.mark.parametrize("count", [0, 1, 20])
def test_plain_images_have_no_copies(count: int) -> None:
    pixels = np.full((20, 16, 16, 3), 200, np.uint8)
    assert not len(find_near(describe(pixels, np.arange(count))))
