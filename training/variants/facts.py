"""``variants.json``: what the graphs of lower precision were measured to be, and which are not to be published."""

from pydantic import Field

from models.manifest import Measured, Metrics, Strict, Variant
from training.calibrate import Calibration
from training.errors import VariantFailed


class VariantFacts(Strict):
    """One graph; ``calibration`` has its own thresholds, found on validation as those of float32 were.

    The temperature is the one that all graphs of the run have inside.
    """

    measured: Measured
    metrics: Metrics
    calibration: Calibration


class Variants(Strict):
    """Those that were made, and why any of them was ``refused``: it is not to be published.

    ``measured_on`` is the processor that measured the graph of float32; older runs did not note it.
    """

    graphs: dict[Variant, VariantFacts] = Field(default_factory=dict)
    refused: dict[Variant, str] = Field(default_factory=dict)
    measured_on: str | None = None

    def of(self, variant: Variant) -> VariantFacts:
        """What is known of one; raises VariantFailed when it is not to be published, or was not made."""
        if variant in self.refused:
            raise VariantFailed(f"{variant} is not to be published: {self.refused[variant]}")
        if variant not in self.graphs:
            raise VariantFailed(f"the run has no {variant} graph: its recipe says which to make, in export.variants")
        return self.graphs[variant]

    @property
    def publishable(self) -> dict[Variant, VariantFacts]:
        """Those that are not refused."""
        return {variant: facts for variant, facts in self.graphs.items() if variant not in self.refused}
