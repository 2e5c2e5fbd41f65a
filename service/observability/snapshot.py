"""The numbers of one process at one moment, as bytes for others and added up over all."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from service.observability.tallies import Labels, Numbers


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counts only grow and outlive their process; gauges and what is open are of a process that lives."""

    counts: dict[str, Numbers] = field(default_factory=dict)  # by the name of the tally
    gauges: dict[str, float] = field(default_factory=dict)
    engines: list[Labels] = field(default_factory=list)

    def encode(self) -> bytes:
        """Return it as JSON."""
        counts = {name: list(numbers.items()) for name, numbers in self.counts.items()}
        return json.dumps([counts, self.gauges, self.engines], separators=(",", ":")).encode()


def decode(data: bytes) -> Snapshot:
    """The snapshot that was encoded."""
    counts, gauges, engines = json.loads(data)
    return Snapshot(
        {name: {tuple(labels): row for labels, row in rows} for name, rows in counts.items()},
        gauges,
        [tuple(labels) for labels in engines],
    )


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Add them up; an engine that is open in several is listed once."""
    total = Snapshot()
    for snapshot in snapshots:
        for name, numbers in snapshot.counts.items():
            _add(total.counts.setdefault(name, {}), numbers)
        for name, value in snapshot.gauges.items():
            total.gauges[name] = total.gauges.get(name, 0) + value
        total.engines.extend(engine for engine in snapshot.engines if engine not in total.engines)
    return total


def _add(total: Numbers, numbers: Numbers) -> None:
    for labels, row in numbers.items():
        have = total.get(labels)
        total[labels] = row if have is None else [one + other for one, other in zip(have, row, strict=True)]
