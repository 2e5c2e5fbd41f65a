"""The cells of a run, by what was measured: values of each round, their spreads and ratios."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from benchmarks.serving.loads import LIMIT, LOADS
from benchmarks.serving.percentiles import Spread
from benchmarks.serving.records import Cell

Rounds = Mapping[int, float]
CLOSED: Final = tuple(load.name for load in LOADS if load.counts_for_peak)


class Figures:
    """Looks values up; where there are none, the answer is empty or None. A cell measured anew stands for the old."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells = {(cell.work, cell.target, cell.load, cell.round): cell for cell in cells}

    @property
    def failures(self) -> list[Cell]:
        """The cells that say why they have no values."""
        return [cell for cell in self._cells.values() if cell.failed]

    def targets(self, work: str) -> list[str]:
        """Who was measured in a work, in the order of the first round."""
        return list(dict.fromkeys(target for at, target, _, _ in self._cells if at == work))

    def rounds(self, work: str, target: str, load: str, key: str = "rate") -> dict[int, float]:
        """One value of each round that has it."""
        return {
            cell.round: cell.values[key]
            for (at, who, what, _), cell in self._cells.items()
            if (at, who, what) == (work, target, load) and key in cell.values
        }

    def spread(self, work: str, target: str, load: str, key: str = "rate") -> Spread | None:
        """The same, as its median and its ends."""
        return spread(self.rounds(work, target, load, key))

    def limit(self, work: str, limit: str) -> dict[int, float]:
        """The images a second of a limit."""
        return self.rounds(work, limit, LIMIT.name)

    def peak(self, work: str, target: str) -> dict[int, float]:
        """The most images a second in a closed loop, of each round."""
        return greatest([self.rounds(work, target, load) for load in CLOSED])

    def best_peer(self, work: str, load: str) -> dict[int, float]:
        """The most images a second that any peer reached under a load, of each round."""
        return greatest([self.rounds(work, target, load) for target in self.targets(work) if is_peer(target)])


def is_peer(target: str) -> bool:
    """Whether a target is neither a limit nor ours."""
    return not target.startswith(("limit", "ours"))


def spread(rounds: Rounds) -> Spread | None:
    """None where there is nothing."""
    return Spread.of(list(rounds.values())) if rounds else None


def ratio(above: Rounds, below: Rounds) -> dict[int, float]:
    """What was measured in one round belongs together."""
    return {number: above[number] / below[number] for number in above.keys() & below.keys() if below[number]}


def greatest(several: Iterable[Rounds]) -> dict[int, float]:
    """The greatest value of each round."""
    return _merge(several, max)


def total(several: Iterable[Rounds]) -> dict[int, float]:
    """The sum of each round."""
    return _merge(several, sum)


def _merge(several: Iterable[Rounds], together: Callable[[list[float]], float]) -> dict[int, float]:
    values: dict[int, list[float]] = {}
    for rounds in several:
        for number, value in rounds.items():
            values.setdefault(number, []).append(value)
    return {number: together(found) for number, found in values.items()}
