"""Everything that the report says, read from a run's folder alone."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from models.manifest import Measured, Metrics, Precision, Variant
from training.calibrate import Calibration
from training.config import Recipe
from training.curves import Crossover, crossover
from training.data.check.facts import DataCheck
from training.data.splits import SplitRecord
from training.describe_network import describe_run
from training.description import Description
from training.errors import RunUnusable
from training.intervals import macro_f1_interval, wilson
from training.learnt import doubt
from training.report.evidence import Evidence, read_answers, read_evidence
from training.report.facts import Acceptance, Rate, acceptance, set_sizes
from training.report.gain import Gain, calibration_gain
from training.report.thumbnails import jpeg_uri
from training.run import EpochMetrics, Run, RunInfo, best_epoch
from training.scores import Bin, reliability, without_temperature
from training.variants.choose import graphs_of


@dataclass(frozen=True, slots=True)
class Content:
    """The facts of one report; ``illustrated`` is whether images of the data and names of its files may be shown.

    The reliability ``before`` and ``after`` calibration and its ``gain`` are those of the test split, as all numbers
    are. ``sets`` are the candidates of answers, by how many there are; none where no coverage was asked for or proved.
    All is of the first of ``graphs``, the most exact one that is reported on; ``exact`` are the metrics of the one of
    float32, from which the others were made, ``refused`` says why some are not to be published. ``sheet`` shows some
    training images of each class, as a data URI; it and ``check`` are None where the run has none. ``recipe`` says of
    nothing where it lies on this machine.
    """

    title: str
    illustrated: bool
    recipe: Recipe
    info: RunInfo
    record: SplitRecord
    network: Description
    history: list[EpochMetrics]
    best: EpochMetrics
    turn: Crossover | None
    metrics: Metrics
    accuracy_interval: tuple[float, float]
    macro_f1_interval: tuple[float, float]
    calibration: Calibration
    before: list[Bin]
    after: list[Bin]
    gain: Gain
    acceptance: Acceptance
    sets: tuple[tuple[str, Rate], ...]
    evidence: Evidence
    check: DataCheck | None
    sheet: str | None
    graphs: dict[Precision, Measured]
    exact: Metrics
    refused: dict[Variant, str]

    @property
    def reference(self) -> Precision:
        """The graph that all is of."""
        return next(iter(self.graphs))

    @property
    def doubt(self) -> str | None:
        """What to mind of the test split for what the training began with; None where there is nothing."""
        return doubt(self.recipe, self.info.origin)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.record.labels

    @property
    def seconds(self) -> float:
        """How long training took."""
        return sum(row.seconds for row in self.history)


def read_content(run: Run, title: str, precisions: Collection[Precision] = (), *, illustrated: bool) -> Content:
    """Read what is to be said of ``run``, or of a version with the graphs of these ``precisions`` alone.

    Raises RunUnusable when the run is not finished, VariantFailed for a graph that it has not.
    """
    recipe, graphs = run.recipe(), graphs_of(run, precisions)  # the recipe first, for the better error
    reference, history = next(iter(graphs)), run.history()
    metrics, calibration = run.metrics(reference), run.calibration(reference)
    best, answers = best_epoch(history), read_answers(run, reference)
    if best is None:
        raise RunUnusable(f"{run.folder}: no epoch of the run is finished")
    plain = without_temperature(answers.probabilities, calibration.temperature)
    return Content(
        title=title,
        illustrated=illustrated,
        recipe=recipe.published(),
        info=run.info(),
        record=run.splits(),
        network=describe_run(run),
        history=history,
        best=best,
        turn=crossover(history),
        metrics=metrics,
        accuracy_interval=wilson(metrics.correct, metrics.images),
        macro_f1_interval=macro_f1_interval(np.array(metrics.confusion_matrix)),
        calibration=calibration,
        before=reliability(plain, answers.targets),
        after=reliability(answers.probabilities, answers.targets),
        gain=calibration_gain(plain, answers),
        acceptance=acceptance(answers, calibration.decision, recipe.decision.accuracy),
        sets=set_sizes(answers, calibration.conformal) if calibration.conformal else (),
        evidence=read_evidence(run, reference),
        check=run.check(),
        sheet=jpeg_uri(run.sheet_file.read_bytes()) if illustrated and run.sheet_file.exists() else None,
        graphs=graphs,
        exact=run.metrics(),
        refused=run.variants().refused,
    )
