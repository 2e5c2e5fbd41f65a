"""Makes the graphs of lower precision that a recipe asks for, and measures what each gains and loses."""

from contextlib import suppress
from dataclasses import dataclass

from models.errors import DeviceUnavailable
from models.layout import graph_file
from models.manifest import Measured, Metrics, Variant
from models.postprocess import Probabilities
from models.precision import RealDevice
from models.runtime import Session, open_session
from training.answers import run_graph
from training.calibrate import Calibration
from training.config import Recipe
from training.conformal import set_threshold
from training.data.dataset import Dataset
from training.data.splits import spread
from training.environment import hardware, processor
from training.errors import VariantFailed
from training.paired import discordant, mcnemar
from training.progress import say
from training.report.evidence import keep, read_answers
from training.run import Run, write_bytes, write_model
from training.scores import Targets, calibration_error, score, without_temperature
from training.settings import DecisionSettings
from training.thresholds import choose_decision
from training.variants.facts import VariantFacts, Variants
from training.variants.fp16 import halve
from training.variants.int8 import quantise
from training.variants.speed import speed_up

# A variant that is right less often by more than this is not published, however few images say so. Of six networks, one
# alone of fp32 and int8 was right in 1 to 5 of 1,000 images: so good a graph is refused by chance once in 45 times or
# less where the test split has 100 images, once in 15 where it has 30. To wait for McNemar's test to prove the loss
# would spare those, and publish what loses four points of 100 images.
MOST_LOST = 0.01
_NOISE = 0.05
_CALIBRATED_ON = 256


@dataclass(frozen=True, slots=True)
class Exported:
    """A run whose graph of float32 is there, and what that was found to be."""

    recipe: Recipe
    data: Dataset
    run: Run
    calibration: Calibration
    metrics: Metrics


def make_variants(exported: Exported) -> None:
    """Write the graphs that the recipe asks for into the run's folder, and ``variants.json``.

    A variant that cannot be made, or that loses more than ``MOST_LOST`` of the accuracy on the test split, is told and
    noted as refused, and its file is not kept.
    """
    graphs: dict[Variant, VariantFacts] = {}
    refused: dict[Variant, str] = {}
    run = exported.run
    for variant in exported.recipe.export.variants:
        (run.folder / graph_file(variant)).unlink(missing_ok=True)
        try:
            graph = _convert(exported, variant)
            answers, graphs[variant] = _measure(exported, variant, graph)
            check_loss(graphs[variant].metrics, exported.metrics, _chance(exported, answers))
        except VariantFailed as error:
            refused[variant] = str(error)
            say(f"{variant}: NOT to be published: {error}")
        else:
            keep(run, exported.data, answers, variant)
            write_bytes(run.folder / graph_file(variant), graph)
            say(f"{variant}: {_told(graphs[variant], exported.metrics)}")
    write_model(run.variants_file, Variants(graphs=graphs, refused=refused, measured_on=processor()))


def _convert(exported: Exported, variant: Variant) -> bytes:
    """The graph of ``variant``; raises VariantFailed when there is none that could be served."""
    data = exported.data
    try:
        if variant == "fp16":
            graph = halve(exported.run.graph)
        else:
            graph = quantise(exported.run.graph, data.pixels[spread(data.splits.train, _CALIBRATED_ON)])
        Session(graph).check_signature(exported.recipe.input, len(data.labels))
    except Exception as error:  # whatever converters make of a new architecture must not cost a whole training
        raise VariantFailed(f"it cannot be made: {error}") from error
    return graph


def _measure(exported: Exported, variant: Variant, graph: bytes) -> tuple[Probabilities, VariantFacts]:
    data, wanted = exported.data, exported.recipe.decision
    device = _device(variant, graph)
    session = Session(graph, device)
    validation, test = data.splits.validation, data.splits.test
    own = _recalibrate(
        exported.calibration, run_graph(session, data.pixels, validation), data.targets[validation], wanted
    )
    answers = run_graph(session, data.pixels, test)
    metrics = score(answers, data.targets[test], data.labels, "test", own.temperature)
    return answers, VariantFacts(
        measured=Measured(
            accuracy=metrics.accuracy,
            expected_calibration_error=metrics.expected_calibration_error,
            bytes=len(graph),
            speed_up=_speed_up(exported, variant, graph, device),
            hardware=hardware() if device == "cuda" else processor(),
        ),
        metrics=metrics,
        calibration=own.measured(answers, data.targets[test], wanted),
    )


def _recalibrate(
    calibration: Calibration, probabilities: Probabilities, targets: Targets, wanted: DecisionSettings
) -> Calibration:
    """The thresholds for other answers to the validation split, under the same temperature.

    The temperature is not fitted anew: on the recipe cifar10 the best one for eight bits was the same to 0.01.
    """
    found = {
        "error_before": calibration_error(without_temperature(probabilities, calibration.temperature), targets),
        "error_after": calibration_error(probabilities, targets),
        "decision": choose_decision(probabilities, targets, wanted.accuracy),
        "set_threshold": set_threshold(probabilities, targets, wanted.coverage),
        "conformal": None,
    }
    return calibration.model_copy(update=found)


def _device(variant: Variant, graph: bytes) -> RealDevice:
    """Where the variant is meant to run, if that is here, else the CPU."""
    if variant == "fp16":
        with suppress(DeviceUnavailable):
            Session(graph, "cuda")
            return "cuda"
    return "cpu"


def _speed_up(exported: Exported, variant: Variant, graph: bytes, device: RealDevice) -> float | None:
    if variant == "fp16" and device == "cpu":  # which has no instructions for it, and casts
        return None
    reference = open_session(exported.run.graph, device, threads=1)
    return round(speed_up(reference, Session(graph, device, threads=1), exported.recipe.input), 2)


def _chance(exported: Exported, answers: Probabilities) -> float:
    """McNemar's p-value for the answers of a variant to the test split and those of float32."""
    exact, data = read_answers(exported.run), exported.data
    return mcnemar(*discordant(exact.right, answers.argmax(axis=1) == data.targets[data.splits.test]))


def check_loss(metrics: Metrics, reference: Metrics, p_value: float) -> None:
    """Raise VariantFailed when a variant loses too much of the accuracy of ``reference``.

    ``p_value`` is McNemar's: where it is not small, the error says that more images may tell otherwise.
    """
    lost = reference.accuracy - metrics.accuracy
    if lost > MOST_LOST:
        told = (
            f"it is right in {metrics.accuracy:.2%} of the test images and float32 in {reference.accuracy:.2%}: "
            f"{lost * 100:.2f} points are lost, and at most {MOST_LOST * 100:g} may be"
        )
        if p_value >= _NOISE:
            told += f"; of {metrics.images:,} images that may be chance (p = {p_value:.2f}): a larger test split tells"
        raise VariantFailed(told)


def _told(facts: VariantFacts, reference: Metrics) -> str:
    measured = facts.measured
    told = (
        f"{measured.bytes / 1e6:.1f} MB, {measured.accuracy:.2%} right (float32: {reference.accuracy:.2%}), "
        f"calibration error {measured.expected_calibration_error:.4f}"
    )
    if measured.speed_up is None:
        return f"{told}, computed in float32 by {measured.hardware}: not measured on CUDA"
    return f"{told}, {measured.speed_up:.1f} times as fast on {measured.hardware}"
