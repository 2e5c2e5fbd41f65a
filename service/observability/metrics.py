"""Metrics in Prometheus' format, in a registry of the app's own so that two apps can live in one process."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from service.observability.tallies import Counter, Histogram

# From a small image to a deadline: seconds, each about twice the one before.
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class _Engines(Collector):
    """What runs when the metrics are read: a gauge of 1 for each open version."""

    def __init__(self, rows: Callable[[], Iterable[Sequence[str]]]) -> None:
        self._rows = rows

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        labels = ["model", "version", "precision", "device"]
        family = GaugeMetricFamily(
            "whatsit_engine_info", "Versions that are open, and what of them runs.", labels=labels
        )
        for row in self._rows():
            family.add_metric(row, 1)
        yield family


class Metrics(Collector):
    """All metrics of one app."""

    def __init__(self) -> None:
        self.requests = Counter("whatsit_requests", "Requests answered.", ["method", "route", "status"])
        self.request_seconds = Histogram(
            "whatsit_request_seconds", "From the headers to the end of the answer.", ["route"], _BUCKETS
        )
        self.errors = Counter("whatsit_errors", "Problems answered, of requests and of images in batches.", ["type"])
        self.images = Counter("whatsit_images", "Images by how their way ended.", ["model", "version", "outcome"])
        self.stages = Histogram(
            "whatsit_stage_seconds", "Seconds of one image in decode, queue, inference and total.", ["stage"], _BUCKETS
        )
        self.batches = Histogram("whatsit_batch_images", "Images in the batch that an image was run in.", [], _BATCHES)
        self.registry = CollectorRegistry()
        self.registry.register(self)

    @override
    def collect(self) -> Iterator[Metric]:
        for tally in (self.requests, self.request_seconds, self.errors, self.images, self.stages, self.batches):
            yield tally.family(tally.numbers)

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Add a gauge that is read from ``value`` when the metrics are."""
        Gauge(name, help_text, registry=self.registry).set_function(value)

    def watch_engines(self, rows: Callable[[], Iterable[Sequence[str]]]) -> None:
        """Add model, version, precision and device of each open version, read from ``rows`` when the metrics are."""
        self.registry.register(_Engines(rows))

    def text(self) -> bytes:
        """The exposition in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)
