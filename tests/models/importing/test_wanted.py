"""Numbers and sizes as people write them."""

import pytest

from models.importing.wanted import read_numbers, read_size


def test_numbers_are_decimals_or_fractions() -> None:
    assert read_numbers("0.485,0.456, 0.406") == (0.485, 0.456, 0.406)
    assert read_numbers("127/255") == (127 / 255,)
    assert read_numbers("103.939/255,1e-3") == (103.939 / 255, 0.001)


@pytest.mark.parametrize("text", ["", "a", "1,", "1/0", "1/2/3", "0.5;0.5", "1//2"])
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no number and no fraction of two"):
        read_numbers(text)


def test_a_size_is_one_side_or_two() -> None:
    assert read_size("224") == (224, 224)
    assert read_size("192x256") == (192, 256)


@pytest.mark.parametrize("text", ["", "x", "224x", "x224", "a", "1x2x3", "2.5"])
def test_what_is_no_size_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no size: write 224, or HEIGHTxWIDTH"):
        read_size(text)
