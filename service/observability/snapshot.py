"""The numbers of one process at one moment, as bytes for others and added up over all."""

import json
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from service.observability.tallies import Labels, Numbers


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counts only grow and outlive their process; gauges and what is open are of a process that lives."""

    counts: dict[str, Numbers] = field(default_factory=dict)  # by the name of the tally
    gauges: dict[str, float] = field(default_factory=dict)
    engines: list[Labels] = field(default_factory=list)
    latest: dict[str, Numbers] = field(default_factory=dict)  # times since 1970, like the counts

    def encode(self) -> bytes:
        """Return it as JSON."""
        counts, latest = _listed(self.counts), _listed(self.latest)
        return json.dumps([counts, self.gauges, self.engines, latest], separators=(",", ":")).encode()


def decode(data: bytes) -> Snapshot:
    """The snapshot that was encoded."""
    counts, gauges, engines, latest = json.loads(data)
    return Snapshot(_keyed(counts), gauges, [tuple(labels) for labels in engines], _keyed(latest))


def _listed(tallies: Mapping[str, Numbers]) -> dict[str, list[tuple[Labels, list[float]]]]:
    return {name: list(numbers.items()) for name, numbers in tallies.items()}


def _keyed(tallies: Mapping[str, list[tuple[list[str], list[float]]]]) -> dict[str, Numbers]:
    return {name: {tuple(labels): row for labels, row in rows} for name, rows in tallies.items()}


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Add them up; of what was latest the latest counts, and an engine that is open in several is listed once."""
    total = Snapshot()
    for snapshot in snapshots:
        for name, numbers in snapshot.counts.items():
            _fold(operator.add, total.counts.setdefault(name, {}), numbers)
        for name, numbers in snapshot.latest.items():
            _fold(max, total.latest.setdefault(name, {}), numbers)
        for name, value in snapshot.gauges.items():
            total.gauges[name] = total.gauges.get(name, 0) + value
        total.engines.extend(engine for engine in snapshot.engines if engine not in total.engines)
    return total


def _fold(join: Callable[[float, float], float], total: Numbers, numbers: Numbers) -> None:
    for labels, row in numbers.items():
        have = total.get(labels)
        total[labels] = row if have is None else [join(one, other) for one, other in zip(have, row, strict=True)]
