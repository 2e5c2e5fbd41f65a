"""Which batch is chosen, over a session that takes the time it is told to."""

from pathlib import Path

import numpy as np
import pytest

from models.manifest import InputSpec
from models.opening import open_version
from models.store import Store
from service.inference import tuning
from service.inference.tuning import measure, warm

SPEC = InputSpec(height=8, width=8)


class Paper:
    """A session whose images take so many seconds each, by the size of their batch; the clock is its own."""

    def __init__(self, seconds: dict[int, float], device: str = "cpu", *, loops: bool = False) -> None:
        self.now = 0.0
        self.device, self.loops = device, loops
        self.sizes: list[int] = []
        self._seconds = seconds

    def run(self, pixels: np.ndarray) -> None:
        assert pixels.shape[1:] == SPEC.shape
        self.sizes.append(len(pixels))
        self.now += len(pixels) * self._seconds[len(pixels)]

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("micros", "best", "tried"),
    [
        pytest.param({1: 10, 2: 9, 4: 5, 8: 3, 16: 2, 32: 1, 64: 1}, 32, 64, id="the larger the better"),
        pytest.param({1: 5, 2: 6, 4: 7, 8: 8, 16: 9, 32: 9, 64: 9}, 1, 64, id="alone"),
        pytest.param({1: 10, 2: 5, 4: 4.9, 8: 4.9, 16: 4.9, 32: 4.9, 64: 4.9}, 2, 64, id="the rest is not worth it"),
        pytest.param({1: 1e5, 2: 1}, 1, 1, id="no time for more"),
        pytest.param({1: 5000, 2: 4000, 4: 3500, 8: 1}, 4, 4, id="time for some"),
    ],
)
def test_the_smallest_batch_that_is_about_as_fast_as_any(
    monkeypatch: pytest.MonkeyPatch, micros: dict[int, float], best: int, tried: int
) -> None:
    paper = Paper({size: each / 1e6 for size, each in micros.items()})
    monkeypatch.setattr(tuning, "time", paper)
    assert measure(paper, SPEC).max_batch == best  # type: ignore[arg-type]
    assert max(paper.sizes) == tried


@pytest.mark.parametrize(("micros", "shared"), [(50, False), (290, False), (310, True), (1e6, True)])
def test_a_run_that_is_over_at_once_is_not_shared(monkeypatch: pytest.MonkeyPatch, micros: float, shared: bool) -> None:
    paper = Paper(dict.fromkeys(tuning.SIZES, micros / 1e6))
    monkeypatch.setattr(tuning, "time", paper)
    assert measure(paper, SPEC).shared == shared  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("micros", "device", "loops", "inline"),
    [
        pytest.param({1: 100, 2: 60, 4: 50}, "cpu", False, True, id="a batch of four in 200 us"),
        pytest.param({1: 400, 2: 300, 4: 260}, "cpu", False, False, id="a batch of four in 1040 us"),
        pytest.param({1: 900, 2: 900, 4: 900}, "cpu", False, True, id="one alone in 900 us"),
        pytest.param({1: 1100, 2: 1100, 4: 1100}, "cpu", False, False, id="one alone in 1100 us"),
        pytest.param({1: 100, 2: 60, 4: 50}, "cpu", True, False, id="who knows how long the next takes"),
        pytest.param({1: 100, 2: 60, 4: 50}, "cuda", False, False, id="on a device that would be waited for"),
    ],
)
def test_a_batch_that_is_over_at_once_needs_no_thread(
    monkeypatch: pytest.MonkeyPatch, micros: dict[int, float], device: str, loops: bool, inline: bool
) -> None:
    rest = {size: micros[4] for size in tuning.SIZES if size not in micros}
    paper = Paper({size: each / 1e6 for size, each in (micros | rest).items()}, device, loops=loops)
    monkeypatch.setattr(tuning, "time", paper)
    assert measure(paper, SPEC).inline == inline  # type: ignore[arg-type]


def test_a_real_session_is_measured(colours_root: Path) -> None:
    opened = open_version(Store(colours_root), "tiny", 1, threads=1)
    assert measure(opened.session, opened.manifest.input).max_batch in tuning.SIZES


def test_every_size_that_may_be_served_is_run_once() -> None:
    paper = Paper(dict.fromkeys(range(1, 6), 0.0), "cuda")
    warm(paper, SPEC, 5)  # type: ignore[arg-type]
    assert paper.sizes == [1, 2, 3, 4, 5]
