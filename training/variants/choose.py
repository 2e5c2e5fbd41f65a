"""Which graphs of a finished run go into a version, and what each was measured to be."""

from collections.abc import Collection

from models.manifest import PRECISIONS, Measured, Metrics, Precision
from training.run import Run


def graphs_of(run: Run, precisions: Collection[Precision] = ()) -> dict[Precision, Measured]:
    """The graphs to publish, the most exact first; by default all that are good enough.

    Raises RunUnusable when the run is not finished, VariantFailed for a graph that is not to be published.
    """
    metrics, variants = run.metrics(), run.variants()
    wanted = precisions or {"fp32", *variants.publishable}
    return {
        precision: _measured(run, metrics) if precision == "fp32" else variants.of(precision).measured
        for precision in PRECISIONS
        if precision in wanted
    }


def _measured(run: Run, metrics: Metrics) -> Measured:
    return Measured(
        accuracy=metrics.accuracy,
        expected_calibration_error=metrics.expected_calibration_error,
        bytes=run.graph.stat().st_size,
        speed_up=1,
        hardware=run.variants().measured_on or run.info().starts[-1].hardware,
    )
