import mmap

import pytest

from service.workers.windows import Windows

MINUTE = 60
PLACES = Windows.SIZE // 32


@pytest.fixture
def memory() -> memoryview:
    return memoryview(mmap.mmap(-1, Windows.SIZE))


@pytest.fixture
def windows(memory: memoryview) -> Windows:
    return Windows(memory)


def test_counts_are_by_name_and_window(windows: Windows) -> None:
    for window, amount in ((7, 1), (7, 2), (8, 5)):
        windows.add(11, MINUTE, window, amount)
    windows.add(12, MINUTE, 8)
    assert [windows.count(11, window) for window in (6, 7, 8, 9)] == [0, 3, 5, 0]
    assert windows.count(12, 8) == 1
    assert windows.count(13, 8) == 0


def test_only_the_last_two_windows_are_known(windows: Windows) -> None:
    for window in (7, 8, 9):
        windows.add(11, MINUTE, window)
    assert [windows.count(11, window) for window in (7, 8, 9)] == [0, 1, 1]


def test_a_count_is_never_below_nothing(windows: Windows) -> None:
    windows.add(11, MINUTE, 7, 2)
    windows.add(11, MINUTE, 7, -1)
    assert windows.count(11, 7) == 1
    windows.add(11, MINUTE, 7, -5)
    assert windows.count(11, 7) == 0


def test_who_reads_the_same_memory_sees_the_same(windows: Windows, memory: memoryview) -> None:
    reader = Windows(memory)
    assert reader.count(11, 7) == 0
    windows.add(11, MINUTE, 7)
    assert reader.count(11, 7) == 1
    assert reader.seconds(11) == MINUTE
    windows.forget(11)
    assert reader.count(11, 7) == 0
    windows.add(11, MINUTE, 7)
    windows.clear()
    assert reader.count(11, 7) == 0
    assert reader.seconds(11) is None


def test_names_that_want_the_same_place_get_others(windows: Windows) -> None:
    names = [11 + PLACES * number for number in range(5)]
    for number, name in enumerate(names):
        windows.add(name, MINUTE, 7, number + 1)
    assert [windows.count(name, 7) for name in names] == [1, 2, 3, 4, 5]


def test_a_place_whose_counts_are_too_old_is_taken_by_another(windows: Windows, memory: memoryview) -> None:
    old, fresh, reader = 11, 11 + PLACES, Windows(memory)
    windows.add(old, MINUTE, 7)
    assert reader.count(old, 7) == 1
    windows.add(fresh, MINUTE, 8)
    assert reader.count(old, 7) == 1, "it still matters as the window before"
    windows.add(fresh + PLACES, MINUTE, 9)
    assert (reader.count(old, 7), reader.count(fresh, 8), reader.count(fresh + PLACES, 9)) == (0, 1, 1)


def test_more_names_than_places_are_an_error_until_some_are_old(windows: Windows) -> None:
    for name in range(1, PLACES + 1):
        windows.add(name, MINUTE, 7)
    with pytest.raises(LookupError):
        windows.add(PLACES + 1, MINUTE, 8)
    windows.add(PLACES + 1, MINUTE, 9)
    assert windows.count(PLACES + 1, 9) == 1
