import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.support.images import PHOTOS, gradient, photo, solid
from training.data.descriptors import Descriptors, describe


def stack(*images: Image.Image, size: tuple[int, int] = (96, 64)) -> np.ndarray:
    return np.stack([np.asarray(image.resize(size, Image.Resampling.LANCZOS)) for image in images])


def described(*images: Image.Image) -> Descriptors:
    return describe(stack(*images), np.arange(len(images)))


def differing(first: np.uint64, second: np.uint64) -> int:
    return int(np.bitwise_count(first ^ second))


def test_the_hash_is_the_one_of_imagehash() -> None:
    found = described(*(photo(name) for name in PHOTOS))
    for place, name in enumerate(PHOTOS):
        expected = np.packbits(imagehash.phash(photo(name).resize((96, 64), Image.Resampling.LANCZOS)).hash)
        assert differing(found.hashes[place], expected.view(np.uint64)[0]) <= 2  # it averages with another filter


def test_a_changed_copy_is_close_and_another_photograph_is_far() -> None:
    cat = photo("chelsea.png")
    brighter = ImageEnhance.Brightness(ImageEnhance.Contrast(cat).enhance(0.8)).enhance(1.1)
    found = described(cat, brighter.resize((150, 100)), photo("coffee.png"))
    assert differing(found.hashes[0], found.hashes[1]) <= 6
    assert differing(found.hashes[0], found.hashes[2]) > 16
    assert found.details[0] @ found.details[1] > 0.95
    assert abs(found.details[0] @ found.details[2]) < 0.3


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(28, 28), (9, 50), (96, 64)])
def test_signs_mirror_details_and_mirrored_is_the_hash_of_it(channels: int, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, *shape, channels), dtype=np.uint8)
    rows = np.arange(5)
    found, other = describe(pixels, rows), describe(pixels[:, :, ::-1], rows)
    assert (other.hashes == found.mirrored).all()
    assert np.allclose(other.details, found.details * found.signs, atol=1e-5)
    assert np.allclose(np.linalg.norm(found.details, axis=1), 1, atol=1e-5)


def test_what_has_no_details_is_plain() -> None:
    faint = Image.fromarray(np.random.default_rng(0).integers(99, 102, (64, 96, 3), dtype=np.uint8))
    found = described(solid("white"), gradient().point(lambda value: 90 + value // 20), faint, gradient(), photo())
    assert found.plain.tolist() == [True, True, True, False, False]
    assert not found.details[:3].any()


def test_only_the_rows_that_are_asked_for_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = stack(*(photo(name) for name in PHOTOS))
    whole = describe(pixels, np.arange(4))
    monkeypatch.setattr("training.data.descriptors._BLOCK_VALUES", 1)  # one image a block
    some = describe(pixels, np.array([3, 1]))
    assert some.hashes.tolist() == whole.hashes[[3, 1]].tolist()
    assert np.allclose(some.details, whole.details[[3, 1]], atol=1e-6)
    assert len(describe(pixels, np.arange(0)).hashes) == 0
