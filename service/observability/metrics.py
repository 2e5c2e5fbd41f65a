"""Metrics in Prometheus' format, in a registry of the app's own so that two apps can live in one process."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

# From a small image to a deadline: seconds, each about twice the one before.
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Measured:
    """One image on its way; tell it how the way ended."""

    def __init__(self, stages: Histogram, batches: Histogram) -> None:
        self._stages = stages
        self._batches = batches
        self.outcome = "failed"

    def succeeded(self, stages: dict[str, float], batch: int) -> None:
        """Note the seconds of each stage, and the size of the batch that the image was run in."""
        self.outcome = "ok"
        self._batches.observe(batch)
        for stage, seconds in stages.items():
            self._stages.labels(stage).observe(seconds)


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


class Metrics:
    """All metrics of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "whatsit_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "whatsit_request_seconds",
            "From the headers to the end of the answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.errors = Counter(
            "whatsit_errors",
            "Problems answered, of requests and of images in batches.",
            ["type"],
            registry=self.registry,
        )
        self.images = Counter(
            "whatsit_images", "Images by how their way ended.", ["model", "version", "outcome"], registry=self.registry
        )
        self.stages = Histogram(
            "whatsit_stage_seconds",
            "Seconds of one image in decode, queue, inference and total.",
            ["stage"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.batches = Histogram(
            "whatsit_batch_images",
            "Images in the batch that an image was run in.",
            buckets=_BATCHES,
            registry=self.registry,
        )

    @contextmanager
    def image(self, model: str, version: int) -> Iterator[Measured]:
        """Count one image, ``ok`` when told so, else ``failed``."""
        measured = Measured(self.stages, self.batches)
        try:
            yield measured
        finally:
            self.images.labels(model, str(version), measured.outcome).inc()

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Add a gauge that is read from ``value`` when the metrics are."""
        Gauge(name, help_text, registry=self.registry).set_function(value)

    def watch_engines(self, rows: Callable[[], Iterable[Sequence[str]]]) -> None:
        """Add model, version, precision and device of each open version, read from ``rows`` when the metrics are."""
        self.registry.register(_Engines(rows))

    def text(self) -> bytes:
        """The exposition in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)
