"""Counts as plain numbers: those of prometheus-client take a lock each, and seven of them the time of a small graph.

prometheus-client still writes the exposition. All counting is done in the thread of the event loop.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]
# By the values of the labels: of a counter or a time one number; of a histogram how many fell into each bucket, and
# the sum.
Numbers = dict[Labels, list[float]]


class Counter:
    """Numbers that only grow, one for each combination of labels."""

    def __init__(self, name: str, help_text: str, labels: Sequence[str]) -> None:
        self.name = name
        self.numbers: Numbers = {}
        self._help = help_text
        self._labels = labels

    def add(self, *labels: str) -> None:
        """Count one."""
        row = self.numbers.get(labels)
        if row is None:
            row = self.numbers[labels] = [0]
        row[0] += 1

    def add_many(self, count: int, *labels: str) -> None:
        """Count so many."""
        self.numbers.setdefault(labels, [0])[0] += count

    def family(self, numbers: Mapping[Labels, Sequence[float]]) -> Metric:
        """What Prometheus is told of ``numbers``, which may be those of many processes."""
        family = CounterMetricFamily(self.name, self._help, labels=self._labels)
        for labels, (count,) in numbers.items():
            family.add_metric(labels, count)
        return family


class Histogram:
    """How many values fell below each bound, and their sum, for each combination of labels."""

    def __init__(self, name: str, help_text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self.name = name
        self.numbers: Numbers = {}
        self._help = help_text
        self._labels = labels
        self._bounds = bounds

    def observe(self, value: float, *labels: str) -> None:
        """Count one value."""
        row = self.numbers.get(labels)
        if row is None:
            row = self.numbers[labels] = [0] * (len(self._bounds) + 2)
        row[bisect_left(self._bounds, value)] += 1
        row[-1] += value

    def family(self, numbers: Mapping[Labels, Sequence[float]]) -> Metric:
        """What Prometheus is told of ``numbers``, which may be those of many processes."""
        family = HistogramMetricFamily(self.name, self._help, labels=self._labels)
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        for labels, (*counts, total) in numbers.items():
            below = [sum(counts[: place + 1]) for place in range(len(counts))]
            family.add_metric(labels, list(zip(bounds, below, strict=True)), total)
        return family


class Latest:
    """When something happened last, in seconds since 1970, for each combination of labels."""

    def __init__(self, name: str, help_text: str, labels: Sequence[str]) -> None:
        self.name = name
        self.numbers: Numbers = {}
        self._help = help_text
        self._labels = labels

    def set(self, seconds: float, *labels: str) -> None:
        """Note that it has happened."""
        self.numbers[labels] = [seconds]

    def family(self, numbers: Mapping[Labels, Sequence[float]]) -> Metric:
        """What Prometheus is told of ``numbers``, which may be those of many processes."""
        family = GaugeMetricFamily(self.name, self._help, labels=self._labels)
        for labels, (seconds,) in numbers.items():
            family.add_metric(labels, seconds)
        return family
