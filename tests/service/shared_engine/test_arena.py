import mmap

import numpy as np
import pytest

from service.shared_engine.arena import Arena

PAGE = 4096


@pytest.fixture
def memory() -> memoryview:
    return memoryview(mmap.mmap(-1, 4 * PAGE))


def pixels(side: int, value: int = 7) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def test_what_is_put_in_lies_there(memory: memoryview) -> None:
    arena = Arena(memory)
    first, second = arena.put(pixels(8, 1)), arena.put(pixels(40, 2))
    assert (first, second) == (0, PAGE)
    assert bytes(memory[: 8 * 8 * 3]) == b"\1" * 192
    assert bytes(memory[PAGE : PAGE + 40 * 40 * 3]) == b"\2" * 4800


def test_what_is_given_back_is_given_out_again(memory: memoryview) -> None:
    arena = Arena(memory)
    places = [arena.put(pixels(8)) for _ in range(5)]
    assert places == [0, PAGE, 2 * PAGE, 3 * PAGE, None]
    arena.free(PAGE)
    arena.free(2 * PAGE)
    assert arena.put(pixels(60)) is None, "three pages are not free in one piece"
    assert arena.put(pixels(40)) == PAGE
    arena.clear()
    assert arena.put(pixels(70)) == 0


def test_what_is_larger_than_all_of_it_has_no_room(memory: memoryview) -> None:
    assert Arena(memory).put(pixels(100)) is None


def test_nothing_is_given_back_twice(memory: memoryview) -> None:
    arena = Arena(memory)
    place = arena.put(pixels(8))
    assert place is not None
    arena.free(place)
    with pytest.raises(KeyError):
        arena.free(place)
