"""Metrics in Prometheus' format, in a registry of the app's own so that two apps can live in one process."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from service.observability.snapshot import Snapshot, merge
from service.observability.tallies import Counter, Histogram, Labels, Latest

# From a small image to a deadline: seconds, each about twice the one before.
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Exchange(Protocol):
    """By which the processes of one service know of each other's numbers."""

    def show(self, own: Snapshot) -> None:
        """Let the others see ``own``."""

    def others(self) -> Iterable[Snapshot]:
        """What the others have shown."""

    def predecessor(self) -> Snapshot:
        """What was shown last by the one that this process replaces."""


class Metrics(Collector):
    """All metrics of one app; with an ``exchange``, what is told adds up those of all processes.

    Whoever tells the sum has shown its own before. So the sum never falls, whichever process is asked next and
    whichever dies: what was told once can be seen by all.
    """

    def __init__(self, exchange: Exchange | None = None) -> None:
        version = ["model", "version"]
        self.requests = Counter("whatsit_requests", "Requests answered.", ["method", "route", "status"])
        self.request_seconds = Histogram(
            "whatsit_request_seconds", "From the headers to the end of the answer.", ["route"], _BUCKETS
        )
        self.errors = Counter("whatsit_errors", "Problems answered, of requests and of images in batches.", ["type"])
        self.images = Counter("whatsit_images", "Images by how their way ended.", [*version, "outcome"])
        self.stages = Histogram(
            "whatsit_stage_seconds",
            "Seconds of one image in decode, queue, inference and total; failed and remembered: of such in all.",
            ["stage", *version],
            _BUCKETS,
        )
        self.runs = Histogram(
            "whatsit_run_seconds", "Seconds of the run that an image was in, by its batch.", [*version, "batch"], ()
        )
        self.batches = Histogram("whatsit_batch_images", "Images in the batch that an image was run in.", [], _BATCHES)
        self.remembered = Counter("whatsit_remembered", "Images answered from the cache.", version)
        self.starts = Counter("whatsit_process_starts", "Processes of the service that were started.", ["kind"])
        self.swaps = Counter("whatsit_swaps", "Aliases that moved here, or did not.", ["model", "alias", "outcome"])
        pair = [*version, "challenger"]
        self.shadowed = Counter(
            "whatsit_shadow_images", "Images that a challenger was asked about.", [*pair, "outcome"]
        )
        self.shadow_labels = Counter(
            "whatsit_shadow_labels", "What two versions said of the same image.", [*pair, "label", "challenger_label"]
        )
        self.shadow_decisions = Counter(
            "whatsit_shadow_decisions",
            "Decisions of two versions that differed.",
            [*pair, "decision", "challenger_decision"],
        )
        self.jobs = Counter("whatsit_jobs", "Jobs accepted, and how they ended.", ["state"])
        self.job_images = Counter("whatsit_job_images", "Images of jobs.", ["model", "version", "outcome"])
        self._tallies: tuple[Counter | Histogram, ...] = (
            *(self.requests, self.request_seconds, self.errors, self.images),
            *(self.stages, self.runs, self.batches, self.remembered, self.starts),
            *(self.swaps, self.shadowed, self.shadow_labels, self.shadow_decisions),
            *(self.jobs, self.job_images),
        )
        self.answered = Latest("whatsit_answered_timestamp_seconds", "When an image was last answered.", version)
        self.loaded = Latest("whatsit_loaded_timestamp_seconds", "When a version was last told to be open.", version)
        self.unloaded = Latest("whatsit_unloaded_timestamp_seconds", "When it was told to answer nobody.", version)
        self._times = (self.answered, self.loaded, self.unloaded)
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self._engines: Callable[[], list[Labels]] = list
        self._exchange = exchange
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Add a gauge that is read from ``value`` when the metrics are."""
        self._gauges[name] = (help_text, value)

    def watch_engines(self, rows: Callable[[], list[Labels]]) -> None:
        """Add model, version, precision and device of each open version, read from ``rows`` when the metrics are."""
        self._engines = rows

    def snapshot(self) -> Snapshot:
        """The numbers of this process as they are now."""
        counts = {tally.name: tally.numbers for tally in self._tallies}
        gauges = {name: value() for name, (_, value) in self._gauges.items()}
        return Snapshot(counts, gauges, self._engines(), {times.name: times.numbers for times in self._times})

    def inherit(self) -> None:
        """Count on from where the one that this process replaces ended; its gauges were its own."""
        if self._exchange:
            predecessor = self._exchange.predecessor()
            for tally in self._tallies:
                tally.numbers.update(predecessor.counts.get(tally.name, {}))
            for times in self._times:
                times.numbers.update(predecessor.latest.get(times.name, {}))

    def of_all(self) -> Snapshot:
        """The numbers of all processes together."""
        self.show()
        return merge([self.snapshot(), *(self._exchange.others() if self._exchange else ())])

    def total(self, tally: Counter) -> Mapping[Labels, Sequence[float]]:
        """The numbers of one counter, those of all processes added up."""
        return self.of_all().counts.get(tally.name, {})

    def show(self) -> None:
        """Let other processes see the numbers of this one as they are now."""
        if self._exchange:
            self._exchange.show(self.snapshot())

    @override
    def collect(self) -> Iterator[Metric]:
        total = self.of_all()
        for tally in self._tallies:
            yield tally.family(total.counts.get(tally.name, {}))
        for times in self._times:
            yield times.family(total.latest.get(times.name, {}))
        for name, (help_text, _) in self._gauges.items():
            yield GaugeMetricFamily(name, help_text, total.gauges.get(name, 0))
        labels = ["model", "version", "precision", "device"]
        engines = GaugeMetricFamily("whatsit_engine_info", "Versions that are open, and what runs.", labels=labels)
        for row in total.engines:
            engines.add_metric(row, 1)
        yield engines

    def text(self) -> bytes:
        """The exposition in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)
